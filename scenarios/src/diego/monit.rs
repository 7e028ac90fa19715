//! A machine's supervisor, by the page that it serves.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use reenact::probe::Answer;
use serde::Deserialize;
use serde_json::Value;

use super::http::{Http, Request};

/// BOSH's port for it.
const PORT: u16 = 2822;

/// A client of a machine's monit.
#[derive(Debug, Clone)]
pub(super) struct Monit {
    ip: Ipv4Addr,
    http: Http,
}

impl Monit {
    pub(super) fn new(ip: Ipv4Addr, http: &Http) -> Self {
        Self { ip, http: http.clone() }
    }

    /// Its jobs: `ok`, `failing`, or `unmonitored`, which is to say that it was told to leave
    /// the job alone.
    pub(super) async fn jobs(&self, limit: Duration) -> Result<BTreeMap<String, String>, Answer> {
        let said = self.http.ask(self.ip, PORT, Request::get("/_status?format=xml", limit)).await?;
        let garbled = |why: String| Answer::Error { code: "garbled".into(), text: why };
        let Value::String(said) = said else { return Err(garbled(said.to_string())) };
        jobs(&said).map_err(|error| garbled(format!("{error}: {said}")))
    }
}

/// monit's page.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(rename = "service", default)]
    services: Vec<Service>,
}

/// A row of it.
#[derive(Debug, Deserialize)]
struct Service {
    /// 3 is a process, 5 the machine itself.
    #[serde(rename = "@type")]
    kind: u32,
    name: String,
    /// A bit for each thing that is wrong.
    status: u32,
    /// 0: it does not look after it; 1: it does; 2: it begins to.
    monitor: u32,
}

pub(super) fn jobs(page: &str) -> Result<BTreeMap<String, String>, quick_xml::DeError> {
    let page: Page = quick_xml::de::from_str(page)?;
    let state = |service: &Service| match (service.monitor, service.status) {
        (0, _) => "unmonitored",
        (_, 0) => "ok",
        _ => "failing",
    };
    let processes = page.services.into_iter().filter(|service| service.kind == 3);
    Ok(processes.map(|service| (service.name.clone(), state(&service).to_owned())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_process_has_its_state() {
        let said = jobs(
            r#"<?xml version="1.0" encoding="ISO-8859-1"?><monit><server><id>dc1</id><version>5.33.0</version></server>
            <platform><name>Linux</name></platform>
            <service type="5"><name>system_localhost</name><status>0</status><monitor>1</monitor><system><load/></system></service>
            <service type="3"><name>etcd</name><status>4608</status><status_hint>0</status_hint><monitor>1</monitor></service>
            <service type="3"><name>bbs</name><status>0</status><monitor>0</monitor></service>
            <service type="3"><name>rep</name><status>0</status><monitor>1</monitor><pid>7</pid></service></monit>"#,
        );
        let expected = [("bbs", "unmonitored"), ("etcd", "failing"), ("rep", "ok")];
        let expected = expected.map(|(job, state)| (job.to_owned(), state.to_owned())).into();
        assert_eq!(said.expect("a page"), expected);
        assert!(jobs("<html>401</html").is_err());
    }
}
