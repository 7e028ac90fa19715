//! Twin: an operator types what is typed first, and every answer is the real director's.

use reenact::incident::*;

use super::super::{
    Director, Pace, Setup,
    stories::{self, Question},
};

reenact::incident!(
    Director,
    Incident {
        id: "bosh::twin_operator_looks",
        story: "After a healthy deploy somebody looks around: releases, stemcells, errands, disks, networks, orphaned \
                VMs, configs, events, locks, logs, ssh, and mistypes a few. Each answer is the real director's, list \
                or error, and none of it breaks anything.",
        source: "cloudfoundry/bosh, api/controllers, and cloudfoundry/bosh-cli, director (versions of August 2026)",
        setup: Setup::at(Pace::PLAIN),
        acts: vec![Act::benign(
            vec![
                stories::deploy("first"),
                stories::becomes("first", "done", secs(30)),
                stories::answers(LISTS),
                stories::answers(TASKS),
                stories::answers(DISKS),
                stories::answers(CONFIGS),
                stories::answers(MISTAKES),
            ],
            secs(10),
        )],
    }
);

const fn get(typed: &'static str, path: &'static str, status: u16, says: &'static str) -> Question {
    Question { typed, method: "GET", path, body: "", status, says }
}

const fn post(
    typed: &'static str,
    path: &'static str,
    body: &'static str,
    status: u16,
    says: &'static str,
) -> Question {
    Question { typed, method: "POST", path, body, status, says }
}

const LISTS: &[Question] = &[
    get("releases", "/releases", 200, r#"{"name":"paasta","release_versions":[{"version":"5.6""#),
    get("inspect-release", "/releases/paasta", 200, r#""versions":["5.6"]"#),
    get("stemcells", "/stemcells", 200, r#""operating_system":"ubuntu-xenial","version":"315.36""#),
    get("errands", "/deployments/paasta/errands", 200, "[]"),
    get("disks --orphaned", "/disks", 200, "[]"),
    get("networks --orphaned", "/networks?orphaned=true", 200, "[]"),
    get("networks", "/networks", 500, "listing active networks is not implemented"),
    get("orphaned-vms", "/orphaned_vms", 200, "[]"),
    get("cpi-config", "/cpi_configs?limit=1", 200, "[]"),
    get("cloud-config", "/cloud_configs?limit=1", 200, "net-z3"),
    get("events", "/events", 200, r#""action":"start","object_type":"worker""#),
    get("event 1", "/events/1", 200, r#""user":"_director","action":"start","object_type":""#),
    get("events --before", "/events?before_time=Fri%20Nov%2020%2009%3A15%3A26%20UTC%202026", 200, "["),
    get("locks", "/locks", 200, "["),
    get("deployments", "/deployments?exclude_configs=true", 200, r#""locked":false"#),
];

const TASKS: &[Question] = &[
    post(
        "ssh web/0",
        "/deployments/paasta/ssh",
        r#"{"command":"setup","target":{"job":"web","ids":["0"],"indexes":[]},"params":{"user":"bosh_1","public_key":"k"}}"#,
        302,
        r#""status":"success","ip":"10.0.3."#,
    ),
    post(
        "ssh nosuch",
        "/deployments/paasta/ssh",
        r#"{"command":"setup","target":{"job":"nosuch","ids":[]},"params":{"user":"bosh_1"}}"#,
        302,
        "No instance with a VM in deployment 'paasta' matched filter",
    ),
    get("logs", "/deployments/paasta/jobs/web/*/logs?type=job", 302, "Action Failed get_task"),
    get("vms", "/deployments/paasta/vms?format=full", 302, r#""job_state":"running""#),
    post("restart --no-converge", "/deployments/paasta/instance_groups/web/0/actions/restart", "", 302, "done web/"),
    post(
        "recreate --no-converge",
        "/deployments/paasta/instance_groups/web/1/actions/recreate",
        "",
        302,
        "Creating VM",
    ),
    post("cck, the scan", "/deployments/paasta/scans", "", 302, "4 OK, 0 unresponsive, 0 missing, 0 unbound"),
    get("cck, the problems", "/deployments/paasta/problems", 200, "[]"),
];

/// A deployment with a persistent disk comes and goes; its disk stays until somebody cleans up.
const DISKS: &[Question] = &[
    post(
        "deploy, with a persistent disk",
        "/deployments",
        r#"{"name":"store","releases":[{"name":"paasta","version":"5.6"}],
            "stemcells":[{"alias":"default","os":"ubuntu-xenial","version":"315.36"}],
            "update":{"canaries":1,"max_in_flight":1,"canary_watch_time":1000,"update_watch_time":1000},
            "instance_groups":[{"name":"db","azs":["z1"],"instances":1,"vm_type":"small","stemcell":"default",
                "persistent_disk":1024,"networks":[{"name":"default"}],"jobs":[]}]}"#,
        302,
        "done /deployments/store",
    ),
    get("instances --details", "/deployments/store/instances?format=full", 302, r#""disk_cid":"disk-"#),
    post("recreate", "/deployments/store/instance_groups/db/0/actions/recreate", "", 302, "done db/"),
    post("cck, the scan", "/deployments/store/scans", "", 302, "1 OK, 0 missing, 0 inactive, 0 mount-info mismatch"),
    Question {
        typed: "delete-disk of one that is gone",
        method: "DELETE",
        path: "/disks/nosuch",
        body: "",
        status: 302,
        says: "orphaned disk(s) nosuch deleted",
    },
    Question {
        typed: "delete-deployment",
        method: "DELETE",
        path: "/deployments/store",
        body: "",
        status: 302,
        says: "done",
    },
    get("disks --orphaned", "/disks", 200, r#""size":1024,"az":"z1","deployment_name":"store","instance_name":"db/"#),
    post("clean-up --all", "/cleanup", r#"{"config":{"remove_all":true}}"#, 302, "1 orphaned disk(s)"),
    get("disks --orphaned", "/disks", 200, "[]"),
];

const CONFIGS: &[Question] = &[
    post(
        "update-config --expected-latest-id",
        "/configs",
        r#"{"type":"seen","name":"one","content":"a: 1","expected_latest_id":7}"#,
        412,
        "Latest Id: '0' does not match expected latest id",
    ),
    post("update-config", "/configs", r#"{"type":"seen","name":"one","content":"a: 1"}"#, 201, r#""content":"a: 1""#),
    post(
        "diff-config",
        "/configs/diff",
        r#"{"from":{"content":"a: 1"},"to":{"content":"a: 2"}}"#,
        200,
        r#"["a: 2","added"]"#,
    ),
    post("diff-config of nothing", "/configs/diff", r#"{"from":{},"to":{}}"#, 400, "The following request formats"),
    Question {
        typed: "delete-config",
        method: "DELETE",
        path: "/configs?type=seen&name=one",
        body: "",
        status: 204,
        says: "",
    },
    Question {
        typed: "delete-config ID",
        method: "DELETE",
        path: "/configs/999999",
        body: "",
        status: 404,
        says: "440012",
    },
];

const MISTAKES: &[Question] = &[
    get("an unknown path", "/deployments/paasta/nosuch", 404, "Endpoint '/deployments/paasta/nosuch' not found."),
    get("an unknown release", "/releases/nosuch", 404, "Release 'nosuch' doesn't exist"),
    get("event 999999", "/events/999999", 404, "Event not found"),
    get("events --before soon", "/events?before_time=soon", 400, "Invalid before parameter: 'soon' "),
    get("task output of no type", "/tasks/1/output?type=nosuch", 401, "Unknown type nosuch"),
    get("logs of nobody", "/deployments/paasta/jobs/nosuch/*/logs", 500, ""),
    post("cancel-tasks", "/tasks/cancel", r#"{"deployment":"paasta"}"#, 204, ""),
    post(
        "cancel-tasks --state done",
        "/tasks/cancel",
        r#"{"states":["done"]}"#,
        400,
        "done is not one of the cancellable states: queued, processing",
    ),
];
