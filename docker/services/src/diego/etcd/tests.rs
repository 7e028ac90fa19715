use axum::http::{HeaderMap, StatusCode};

use super::*;

fn answer(status: u16, body: &str) -> Answer {
    let status = StatusCode::from_u16(status).expect("valid");
    Answer { status, headers: HeaderMap::new(), body: body.to_owned().into() }
}

#[test]
fn the_values_of_a_folder_are_found_at_any_depth() {
    let body = r#"{"action":"get","node":{"key":"/v1/actual","dir":true,"nodes":[{"key":"/v1/actual/g","dir":true,
        "nodes":[{"key":"/v1/actual/g/0","value":"7","modifiedIndex":5}]},{"key":"/v1/actual/h","dir":true}]}}"#;
    let node = found(&answer(200, body)).expect("valid");
    let leaves = node.leaves();
    assert_eq!((leaves.len(), leaves[0].modified_index), (1, 5));
    assert_eq!(leaves[0].parse::<u32>().expect("a number"), 7);
    assert!(node.parse::<u32>().is_err(), "a folder has no value");
}

#[test]
fn errors_are_told_apart_by_their_code() {
    let of = |code| found(&answer(404, &format!(r#"{{"errorCode":{code},"message":"m","cause":"c"}}"#)));
    assert!(matches!(of(100), Err(Failure::NotFound)));
    assert!(matches!(of(101), Err(Failure::Changed)));
    assert!(matches!(of(105), Err(Failure::Exists)));
    assert!(matches!(of(300), Err(Failure::Cluster { code: 300, .. })));
    assert!(matches!(found(&answer(500, "Internal")), Err(Failure::Garbled(_))));
}

#[tokio::test]
async fn without_members_there_is_an_error() {
    assert!(Cluster::of(Vec::new()).read("/version").await.is_err());
}
