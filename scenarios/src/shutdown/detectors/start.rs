//! The diagnosis of the lowest rank: a replica that should serve does not start.

use reenact::detect::{Missing, Told, any};

use super::instance::{Instance, ServiceView};

/// A replica ends by an error of its own, or runs and serves nobody; started again and again it
/// does one after the other. Whoever ended in order or was killed may be gone on purpose, but for
/// the last one: with no replica nobody is served.
pub fn does_not_start(view: &ServiceView, is_explained: impl Fn(&ServiceView) -> bool) -> Told {
    let instances = view.instances()?;
    let nobody = instances.iter().all(|instance| instance.runs() == Some(false));
    let missing = instances.iter().map(|instance| missing(instance, nobody));
    let missing = any(missing.chain([database(view)]))?;
    Ok(if missing.is_empty() || is_explained(view) { Vec::new() } else { missing })
}

/// Its database answers nobody; where requests hang for that, it has a name already.
fn database(view: &ServiceView) -> Told {
    let silent = view.database_is_silent()?.filter(|_| !view.write_hangs().is_ok_and(|hangs| hangs.is_some()));
    Ok(silent.map(|how| format!("the database: it answers no question: sql:reconcile {how}")).into_iter().collect())
}

fn missing(instance: &Instance<'_>, is_needed: bool) -> Told {
    let state = match (instance.runs(), instance.own_error()) {
        _ if instance.is_told_to_end() => return Ok(Vec::new()),
        (None, _) => return Err(format!("{}: whether it runs is not known", instance.name)),
        (Some(false), Some(code)) => format!("it ended with exit code {code}, by an error of its own"),
        (Some(false), None) if is_needed => "it is off, and so is every other replica".into(),
        (Some(true), _) if instance.should_serve() && instance.refuses() => "it runs, and its port refuses".into(),
        _ => return Ok(Vec::new()),
    };
    let why = instance.last_words().map(str::to_owned);
    let vain = instance.starts_in_vain();
    let often = (vain > 1).then(|| format!("{vain} starts in a row came to nothing"));
    Ok(Missing { node: instance.name.into(), signs: [state].into_iter().chain(often).collect(), why }.lines().collect())
}
