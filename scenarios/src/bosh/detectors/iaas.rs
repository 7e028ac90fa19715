//! CPI calls and the VMs that they make.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use reenact::{
    detect::{Told, seconds},
    probe::Moment,
};

use super::{
    super::signals::{Call, Subnet, Vm},
    lock::ASKED_LONG,
    view::DirectorView,
};

/// The calls that hang share one subnet.
pub fn hung_subnet(view: &DirectorView) -> Told {
    let config = view.config()?;
    let calls = view.calls()?;
    let limit = config.production(ASKED_LONG);
    let hung: Vec<_> = calls.into_iter().filter(|(_, call, age)| call.method == "create_vm" && *age >= limit).collect();
    let subnet_of = |call: &Call| config.subnet(&call.az, call.ip?);
    let Some((_, first, _)) = hung.first() else { return Ok(Vec::new()) };
    let Some(subnet) = subnet_of(first) else {
        return Err(format!("the subnet of {} is not known", first.instance));
    };
    if hung.iter().any(|(_, call, _)| subnet_of(call) != Some(subnet)) {
        return Ok(Vec::new());
    }
    if config.subnets.len() < 2 {
        return Err(format!("{} is the only subnet: that the hung calls share it says nothing", subnet.range));
    }
    let oldest = hung.iter().map(|(_, _, age)| *age).max().unwrap_or_default();
    let (inside, outside, answered) = neighbours(view, subnet, oldest)?;
    let instances: BTreeSet<_> = hung.iter().map(|(_, call, _)| call.instance.as_str()).collect();
    // One call that hangs alone says something only where its subnet never answered, and another did.
    let is_telling = instances.len() > 1 || (inside == 0 && outside > 0);
    if answered || !is_telling {
        return Ok(Vec::new());
    }
    let Subnet { az, range, .. } = subnet;
    let mut lines = vec![
        format!("{} create_vm hang, the oldest for {}, all of them in {range} of {az}", hung.len(), seconds(oldest)),
        format!("{inside} VMs are in {range}, none made since; {outside} are elsewhere"),
    ];
    lines.extend(hung.iter().map(|(request, call, age)| {
        let ip = call.ip.map(|ip| ip.to_string()).unwrap_or_default();
        let task = call.task.map(|task| format!("task {task}: ")).unwrap_or_default();
        format!("{task}create_vm {request} for {} at {ip} in {} hangs for {}", call.instance, call.az, seconds(*age))
    }));
    Ok(lines)
}

/// How many VMs are in the subnet and elsewhere, and whether one was made in it since.
fn neighbours(view: &DirectorView, subnet: &Subnet, since: Duration) -> Result<(usize, usize, bool), String> {
    let (vms, made) = view.vms()?;
    let (mut inside, mut outside, mut answered) = (0, 0, false);
    for (cid, vm) in &vms.0 {
        if !vm.ip.is_some_and(|ip| subnet.contains(ip)) {
            outside += 1;
            continue;
        }
        inside += 1;
        answered |= made.get(cid).is_some_and(|made| view.now().since(*made) < since);
    }
    Ok((inside, outside, answered))
}

/// Two calls make a VM for one instance with one address.
pub fn doubles(view: &DirectorView) -> Told {
    let mut wanted: BTreeMap<_, Vec<(&str, &Call)>> = BTreeMap::new();
    for (id, call, _) in view.calls()? {
        if let Some(ip) = call.ip.filter(|_| call.method == "create_vm" && !call.instance.is_empty()) {
            wanted.entry((call.instance.as_str(), ip)).or_default().push((id, call));
        }
    }
    let mut lines = Vec::new();
    for ((instance, ip), calls) in wanted.into_iter().filter(|(_, calls)| calls.len() > 1) {
        let who: Vec<_> = calls
            .iter()
            .map(|(id, call)| {
                let task = call.task.map_or_else(|| "nobody".into(), |task| format!("task {task}"));
                format!("{id} of {task} (pid {})", call.pid)
            })
            .collect();
        lines.push(format!("{instance} at {ip}: {} create_vm are in flight: {}", calls.len(), who.join(", ")));
    }
    Ok(lines)
}

/// The IaaS has VMs that the director does not know.
pub fn leaks(view: &DirectorView) -> Told {
    let (vms, made) = view.vms()?;
    let (known, known_at) = view.known_vms()?;
    view.running()?;
    let mut lines = Vec::new();
    for (cid, vm) in vms.0.iter().filter(|(cid, _)| !known.0.contains_key(*cid)) {
        let Some(idle) = idle_since(view, &vm.deployment)? else { continue };
        // Neither look may be from before there was anything to be seen.
        let since = made.get(cid).copied().unwrap_or_default().max(idle);
        if known_at >= since && view.looks().processes >= since {
            let ip = vm.ip.map(|ip| ip.to_string()).unwrap_or_default();
            let Vm { instance, deployment, .. } = vm;
            lines.push(format!("{cid}: {instance} of {deployment} has {ip}, and the director does not know it"));
        }
    }
    Ok(lines)
}

/// Since when no task of the deployment has a process that may still write down what it
/// had made; `None`: one has.
fn idle_since(view: &DirectorView, deployment: &str) -> Result<Option<Moment>, String> {
    let mut since = Moment::default();
    for (id, task) in view.task_rows()? {
        if task.deployment != deployment && !task.deployment.is_empty() {
            continue;
        }
        // A task that is not followed any more has ended long ago.
        match view.track(*id).map(|track| track.gone.0) {
            _ if view.job(*id)?.is_some() => return Ok(None),
            Some(None) => return Ok(None),
            Some(Some(gone)) => since = since.max(gone),
            None => {}
        }
    }
    Ok(Some(since))
}
