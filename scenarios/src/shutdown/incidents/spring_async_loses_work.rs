//! The report: Spring's `@Async` work is lost when the pod is scaled in.

use reenact::{campaign::Scenario, scenario};

use super::super::{
    App, Setup,
    detectors::{EXITED_BUSY, LOST_WORK},
    recipe::{self, FINGERPRINTS},
};

scenario! {
    Scenario {
        id: "shutdown::spring_async_loses_work",
        story: "A request is answered after its @Async method was started. The autoscaler deletes the pod; Tomcat's graceful shutdown waits for requests only, and they are answered; the context closes, the pool's threads are interrupted, and the flags are never updated. Nobody notices until a back office user sees a wrong row.",
        source: "report 002 (Spring Boot on Kubernetes); its default executor, a pool without await",
        faults: &["app1 is deleted under load: its endpoint goes, SIGTERM, 30 s of grace"],
        detector: Some(LOST_WORK),
        also: &[EXITED_BUSY],
        runbooks: &[
            "right: reconcile, and replay what is overdue, each at most once",
            "refuses: start a replica; no intent is in a table",
        ],
        fingerprints: FINGERPRINTS,
        images: &["postgres", "spring"],
        run: |lab| Box::pin(async move { recipe::scaled_in_and_replayed(&lab, Setup::of(App::Spring("pool"))).await }),
        ..Scenario::INCIDENT
    }
}
