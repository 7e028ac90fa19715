//! What answers for the VM over HTTP: nginx and monit.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
};

use reenact::runbook::testing::Bench;

use super::vm::Vm;

/// What a service answers: a status and a body.
type Answer = fn(&mut Vm, &str, Vec<u8>) -> (u16, Vec<u8>);

/// A VM at which a runbook can be called.
pub(super) fn bench(vm: Vm) -> Bench<Vm> {
    let bench = Bench::new(vm);
    let addresses = [nginx as Answer, monit].map(|answer| Some(listen(Arc::downgrade(&bench.shared()), answer)));
    bench.nodes().addresses = addresses;
    bench
}

fn nginx(vm: &mut Vm, method: &str, body: Vec<u8>) -> (u16, Vec<u8>) {
    vm.monit_looks();
    match method {
        "PUT" if !vm.stores() => (500, Vec::new()),
        "PUT" => {
            vm.last_put = body;
            (201, Vec::new())
        }
        "GET" => (200, vm.last_put.clone()),
        _ => (204, Vec::new()),
    }
}

fn monit(vm: &mut Vm, _: &str, _: Vec<u8>) -> (u16, Vec<u8>) {
    vm.monit_looks();
    let sees = vm.monit_is_late == 0 && (vm.mistaken || vm.folder.is("master") && vm.folder.is("pid"));
    vm.monit_is_late = vm.monit_is_late.saturating_sub(1);
    let status = if sees { 0 } else { 1 << 9 };
    let service = |name: &str, status: u32| {
        format!("<service><name>{name}</name><status>{status}</status><monitor>1</monitor></service>")
    };
    let nginx = if vm.jobs { service("blobstore_nginx", status) } else { String::new() };
    (200, format!("<monit>{}{nginx}</monit>", service("system_localhost", 0)).into())
}

/// Answers on a port of its own for as long as the VM is there.
fn listen(vm: Weak<Mutex<Vm>>, answer: Answer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let Some(vm) = vm.upgrade() else { break };
            let respond =
                |method: &str, body| answer(&mut vm.lock().unwrap_or_else(PoisonError::into_inner), method, body);
            // A client that goes away before it is answered is no matter.
            drop(exchange(connection, respond));
        }
    });
    address
}

/// One request and its answer.
fn exchange(mut connection: TcpStream, respond: impl FnOnce(&str, Vec<u8>) -> (u16, Vec<u8>)) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let (mut request, mut length) = (String::new(), 0);
    reader.read_line(&mut request)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim().to_ascii_lowercase().split_once(':') {
            Some(("content-length", value)) => length = value.trim().parse().unwrap_or(0),
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, body) = respond(request.split(' ').next().unwrap_or_default(), body);
    let head = format!("HTTP/1.1 {status} so\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    connection.write_all(&[head.into_bytes(), body].concat())
}
