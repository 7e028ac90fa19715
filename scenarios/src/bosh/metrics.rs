//! Who is scraped. No package of Debian's has the exporters that a director's operators use, so
//! two stand-ins say what those would, under the same names and labels:
//!
//! - job `bosh`: `bosh_exporter` of the bosh-prometheus community, which asks the API. Here the
//!   API is only asked whether it answers, and the database and the IaaS for the rest: the real
//!   question after instances is a task of its own, which would be one more in the story.
//! - job `bosh_director`: the director's own metrics server, which counts the tasks.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use reenact::metrics::{Exports, Kind, Monitored, Sample, Series, exporters};
use serde_json::Value;

use super::{
    DB, DIRECTOR, Director,
    api::Api,
    db::{Database, Row},
    state::Exporter,
};
use crate::postgres;

/// The ports that the real ones have.
const BOSH_EXPORTER: u16 = 9190;
const METRICS_SERVER: u16 = 9091;
/// On the director's machine the usual port of node_exporter is taken.
const NODE_EXPORTER: u16 = 9101;
/// The API's port, and monit's.
const PORTS: [u16; 2] = [25555, 2822];

/// The director's, its machine's, its database's.
pub(super) fn monitored(director: &Director) -> Vec<Monitored> {
    let (api, database, machine) = (director.api.clone(), director.database.clone(), director.exporter.clone());
    let exporter = BoshExporter { api, database: database.clone(), machine, scrapes: 0, errors: 0 };
    let instance = |port: u16| format!("{DIRECTOR}:{port}");
    let mut all = vec![
        Monitored::made("bosh", DIRECTOR, instance(BOSH_EXPORTER), exporter),
        Monitored::made("bosh_director", DIRECTOR, instance(METRICS_SERVER), MetricsServer(database)),
    ];
    for node in director.bed.nodes() {
        if node.name() == DB {
            all.push(exporters::node(node));
            all.extend(postgres::monitored(node));
        } else {
            all.push(exporters::node_at(node, NODE_EXPORTER));
            all.extend(PORTS.map(|port| Monitored::tcp(node, port)));
        }
    }
    all
}

/// A sample with these labels.
fn sample<const N: usize>(kind: Kind, name: &str, labels: [(&str, &str); N], value: f64) -> Sample {
    let labels = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Sample { series: Series { name: name.into(), labels }.into(), kind, value }
}

/// The director's own metrics server.
struct MetricsServer(Database);

#[async_trait]
impl Exports for MetricsServer {
    /// `bosh_tasks_total` by state and type. A type that was ever seen stays, with none.
    async fn samples(&mut self) -> Result<Vec<Sample>, String> {
        let sql = "SELECT type, count(*) FILTER (WHERE state = 'processing'), count(*) FILTER (WHERE state = 'queued')
                   FROM tasks GROUP BY type ORDER BY type";
        let rows = self.0.rows(sql).await.map_err(|error| error.to_string())?;
        let counts = |row: Row| {
            let [kind, processing, queued] = <[String; 3]>::try_from(row).ok()?;
            let count = |state, count: &str| {
                let labels = [("state", state), ("type", kind.as_str())];
                Some(sample(Kind::Gauge, "bosh_tasks_total", labels, count.parse().ok()?))
            };
            Some([count("processing", &processing)?, count("queued", &queued)?])
        };
        Ok(rows.into_iter().filter_map(counts).flatten().collect())
    }
}

/// `bosh_exporter`.
struct BoshExporter {
    api: Api,
    database: Database,
    machine: Exporter,
    scrapes: u32,
    errors: u32,
}

#[async_trait]
impl Exports for BoshExporter {
    /// Where the director cannot be asked, only that is said.
    async fn samples(&mut self) -> Result<Vec<Sample>, String> {
        self.scrapes += 1;
        let told = self.deployments().await;
        self.errors += u32::from(told.is_none());
        let mut samples = vec![
            sample(Kind::Counter, "bosh_scrapes_total", [], self.scrapes.into()),
            sample(Kind::Counter, "bosh_scrape_errors_total", [], self.errors.into()),
            sample(Kind::Gauge, "bosh_last_scrape_error", [], u8::from(told.is_none()).into()),
        ];
        samples.extend(told.unwrap_or_default());
        Ok(samples.into_iter().map(of_this_director).collect())
    }
}

/// Each sample of the exporter says of which director it is.
fn of_this_director(mut sample: Sample) -> Sample {
    let labels = [("environment", "lab"), ("bosh_name", "bosh"), ("bosh_uuid", "71d36859-4f21-446f-8a02-f18d7f1263c6")];
    Arc::make_mut(&mut sample.series).labels.extend(labels.map(|(name, value)| (name.into(), value.into())));
    sample
}

impl BoshExporter {
    async fn deployments(&self) -> Option<Vec<Sample>> {
        self.api.ask("GET", "/info", None).await.ok().filter(|reply| reply.status == 200)?;
        let deployments = "SELECT name, coalesce(manifest, '{}') FROM deployments ORDER BY name";
        let deployments = self.database.rows(deployments).await.ok()?;
        let instances = self.database.rows(INSTANCES).await.ok()?;
        let vms = self.machine.state().await.ok()?.vms;
        let mut samples: Vec<_> = deployments.iter().flat_map(manifest).collect();
        samples.extend(instances.iter().filter_map(|row| healthy(row, |cid| vms.contains_key(cid))));
        samples.extend(counts(&instances));
        Some(samples)
    }
}

/// Each instance, with what the director knows of its VM.
const INSTANCES: &str = "
    SELECT d.name, i.job, coalesce(i.uuid, ''), i.index, coalesce(i.availability_zone, ''),
      coalesce((SELECT min(address_str) FROM ip_addresses WHERE instance_id = i.id), ''), i.state, coalesce(v.cid, '')
    FROM instances i JOIN deployments d ON d.id = i.deployment_id
    LEFT JOIN vms v ON v.instance_id = i.id AND v.active ORDER BY i.id";

/// The releases and the stemcells of a deployment's manifest.
fn manifest(row: &Row) -> Vec<Sample> {
    let [name, manifest] = &row[..] else { return Vec::new() };
    let manifest: Value = serde_json::from_str(manifest).unwrap_or_default();
    let all = |list: &str| manifest[list].as_array().cloned().unwrap_or_default();
    let text = |value: &Value, field: &str| value[field].as_str().unwrap_or_default().to_owned();
    let release = |release: Value| {
        let (release, version) = (text(&release, "name"), text(&release, "version"));
        let labels =
            [("bosh_deployment", &name[..]), ("bosh_release_name", &release), ("bosh_release_version", &version)];
        sample(Kind::Gauge, "bosh_deployment_release_info", labels, 1.0)
    };
    let stemcell = |stemcell: Value| {
        let (system, version) = (text(&stemcell, "os"), text(&stemcell, "version"));
        let labels =
            [("bosh_deployment", &name[..]), ("bosh_stemcell_os_name", &system), ("bosh_stemcell_version", &version)];
        sample(Kind::Gauge, "bosh_deployment_stemcell_info", labels, 1.0)
    };
    all("releases").into_iter().map(release).chain(all("stemcells").into_iter().map(stemcell)).collect()
}

/// Whether an instance that should run has a VM that the IaaS has too: its agent answers then.
fn healthy(row: &Row, is_there: impl Fn(&str) -> bool) -> Option<Sample> {
    let [deployment, job, id, index, az, ip, state, cid] = &row[..] else { return None };
    let labels = [
        ("bosh_deployment", &deployment[..]),
        ("bosh_job_name", job),
        ("bosh_job_id", id),
        ("bosh_job_index", index),
        ("bosh_job_az", az),
        ("bosh_job_ip", ip.split('/').next().unwrap_or_default()),
    ];
    let healthy = state == "started" && is_there(cid);
    Some(sample(Kind::Gauge, "bosh_job_healthy", labels, u8::from(healthy).into()))
}

/// How many instances each deployment has.
fn counts(instances: &[Row]) -> Vec<Sample> {
    let mut counts = BTreeMap::<&str, u32>::new();
    for deployment in instances.iter().filter_map(|row| row.first()) {
        *counts.entry(deployment).or_default() += 1;
    }
    let count = |(deployment, count): (&str, u32)| {
        sample(Kind::Gauge, "bosh_deployment_instances", [("bosh_deployment", deployment)], count.into())
    };
    counts.into_iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[&str]) -> Row {
        values.iter().map(|&value| value.into()).collect()
    }

    #[test]
    fn an_instance_is_healthy_while_it_should_run_and_the_iaas_has_its_vm() {
        for (state, cid, value) in [("started", "vm-1", 1.0), ("started", "vm-2", 0.0), ("stopped", "vm-1", 0.0)] {
            let instance = row(&["paasta", "web", "u1", "0", "z1", "10.0.0.4/32", state, cid]);
            let told = healthy(&instance, |cid| cid == "vm-1").expect("a sample");
            assert_eq!((told.series.name.as_str(), told.value), ("bosh_job_healthy", value), "{state} {cid}");
            assert_eq!(told.series.labels["bosh_job_ip"], "10.0.0.4");
        }
        assert!(healthy(&row(&["paasta"]), |_| true).is_none());
    }

    #[test]
    fn a_manifest_tells_of_releases_and_stemcells_and_one_that_is_none_of_nothing() {
        let text =
            r#"{"releases": [{"name": "cf", "version": "1.2"}], "stemcells": [{"os": "jammy", "version": "3"}]}"#;
        let told = manifest(&row(&["paasta", text]));
        assert_eq!(told.len(), 2);
        assert_eq!(told[0].series.labels["bosh_release_version"], "1.2");
        assert!(manifest(&row(&["paasta", "---"])).is_empty());
    }
}
