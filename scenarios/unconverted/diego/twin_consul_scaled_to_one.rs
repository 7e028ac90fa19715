//! Twin of a lost quorum: the report's third step, on a healthy Consul.

use std::time::Duration;

use reenact::{
    Error, Result,
    campaign::Scenario,
    runbook::{Conclusion, Runbook},
    scenario,
    stage::Lab,
};

use super::super::{Setup, recipe, runbooks::ScaleToOne};

scenario! {
    Scenario {
        id: "diego::twin_consul_scaled_to_one",
        story: "Consul has its quorum, and an operator follows the report's third step all the same: two servers leave, \
                the third one is deployed alone, and the two join again. It takes a minute, the BBS may lose its lock \
                to the other one, and nothing is lost.",
        source: "report 003, step 3; measured facts (e): with quorum consul leave x2 works (28 s)",
        faults: &["two of Consul's servers leave in order, and join again"],
        images: &["diego", "postgres"],
        run: |lab| Box::pin(run(lab)),
        budget: Duration::from_secs(150),
        ..Scenario::TWIN
    }
}

async fn run(lab: Lab) -> Result<()> {
    let stage = recipe::steady(&lab, Setup::PLAIN).await?;
    lab.phase(format!("an operator's work: {ScaleToOne}"));
    match ScaleToOne.run(&stage.operator()).await? {
        Conclusion::Done => {}
        other => return Err(Error::failed(format!("\"{ScaleToOne}\" did not come to its end: {other:?}"))),
    }
    stage.heals_itself(Duration::from_secs(40)).await?.quiet(recipe::QUIET).await?.finish().await
}
