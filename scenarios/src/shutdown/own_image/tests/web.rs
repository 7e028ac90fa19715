//! An answer counts once it has come to its end.

use std::{net::Ipv4Addr, time::Duration};

use hyper::{HeaderMap, StatusCode, body::Bytes};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::super::{
    grpc,
    web::{Reply, Trouble, Web},
};

const LIMIT: Duration = Duration::from_secs(5);

/// What a client gets of a server that says this and closes the connection.
async fn asked(said: &'static str) -> Result<Reply, Trouble> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(said.as_bytes()).await;
    });
    Web::at(port).get(Ipv4Addr::LOCALHOST, "/", LIMIT).await
}

#[tokio::test]
async fn a_whole_answer_is_one() {
    for said in [
        "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nwhole",
        "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n",
        "HTTP/1.0 201 Created\r\n\r\nwhole",
    ] {
        let reply = asked(said).await.expect(said);
        assert_eq!((reply.status, reply.text().as_str()), (StatusCode::CREATED, "whole"));
    }
}

#[tokio::test]
async fn an_answer_that_was_cut_off_is_none() {
    for said in [
        "HTTP/1.1 201 Created\r\ncontent-length: 6\r\n\r\nwhole",
        "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\nwhole\r\n",
        "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n",
        "",
    ] {
        assert!(matches!(asked(said).await, Err(Trouble::NoAnswer(_))), "{said}");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_sent() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    drop(listener);
    let trouble = Web::at(port).get(Ipv4Addr::LOCALHOST, "/", LIMIT).await.expect_err("refused");
    assert!(matches!(&trouble, Trouble::NotSent(why) if why == "no connection"), "{trouble:?}");
}

/// gRPC answers 200 to everything; its status comes after the message, or, with an error,
/// in its place.
#[test]
fn a_call_is_acknowledged_by_its_status_only() {
    let reply = |headers: &[(&'static str, &'static str)], trailers: &[(&'static str, &'static str)]| {
        let map = |pairs: &[(&'static str, &'static str)]| {
            let pair = |&(name, value): &(&'static str, &'static str)| {
                (name.parse().expect(name), value.parse().expect(value))
            };
            pairs.iter().map(pair).collect::<HeaderMap>()
        };
        Reply { status: StatusCode::OK, headers: map(headers), body: Bytes::new(), trailers: map(trailers) }
    };
    assert!(matches!(grpc::refusal(&reply(&[], &[("grpc-status", "0")])), Ok(None)));
    let told = |reply: &Reply| grpc::refusal(reply).expect("a status").expect("another than 0");
    assert_eq!(told(&reply(&[], &[("grpc-status", "14"), ("grpc-message", "stopping")])), "grpc-status 14 stopping");
    assert_eq!(told(&reply(&[("grpc-status", "12")], &[])), "grpc-status 12");
    assert!(matches!(grpc::refusal(&reply(&[], &[])), Err(Trouble::NoAnswer(_))));
}
