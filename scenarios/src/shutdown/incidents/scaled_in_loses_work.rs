//! The report: asynchronous work is lost when a replica is scaled in; in Spring with the
//! executors and settings that lose it, and in Rust.

use reenact::incident::*;

use super::super::{App, Service, Setup, stories};

/// One way to lose it.
struct Variant {
    id: &'static str,
    story: &'static str,
    source: &'static str,
    app: App,
}

const VARIANTS: [Variant; 6] = [
    Variant {
        id: "shutdown::spring_async_loses_work",
        story: "A request is answered after its @Async method was started. The autoscaler deletes the pod; Tomcat's \
                graceful shutdown waits for requests only, and they are answered; the context closes, the pool's \
                threads are interrupted, and the flags are never updated. Nobody notices until a back office user \
                sees a wrong row.",
        source: "report 002 (Spring Boot on Kubernetes); its default executor, a pool without await",
        app: App::Spring("pool"),
    },
    Variant {
        id: "shutdown::spring_simple_executor_loses_work",
        story: "The same with SimpleAsyncTaskExecutor, the default before Spring Boot 2.1: a thread for each task, and \
                nobody who could wait for them.",
        source: "measured facts, the real Spring: SimpleAsyncTaskExecutor",
        app: App::Spring("simple"),
    },
    Variant {
        id: "shutdown::spring_wait_without_period_loses_work",
        story: "waitForTasksToCompleteOnShutdown is set, and awaitTerminationSeconds is not: the executor stops taking \
                tasks, waits no second for those that it has, and the JVM ends. The setting that looks like the fix \
                is none.",
        source: "measured facts, the real Spring: waitForTasksToComplete=true with no await period",
        app: App::Spring("wait_no_await"),
    },
    Variant {
        id: "shutdown::spring_await_alone_loses_work",
        story: "awaitTerminationSeconds is set, and waitForTasksToCompleteOnShutdown is not: the executor interrupts \
                its tasks and drops its queue first, and then waits for what it has just ended. The other half of the \
                fix is none either.",
        source: "measured facts, the real Spring: await seconds only",
        app: App::Spring("await_only"),
    },
    Variant {
        id: "shutdown::spawned_task_loses_work",
        story: "A request is answered after a task was spawned for its flag. At SIGTERM the server stops accepting, \
                answers what it has, and the runtime goes with every task in it. The exit code is 0.",
        source: "measured facts: spawn",
        app: App::Rust("spawn"),
    },
    Variant {
        id: "shutdown::queue_loses_work",
        story: "The requests' works go through a queue in memory to workers. At SIGTERM the requests are answered, and \
                the queue goes with its workers.",
        source: "measured facts: queue",
        app: App::Rust("queue"),
    },
];

fn incident(Variant { id, story, source, app }: Variant) -> Incident<Service> {
    let setup = Setup::of(app);
    let acts = vec![stories::scaled_in(&setup)];
    Incident { id, story, source, setup, acts }
}

reenact::incidents!(Service, VARIANTS.map(incident));
