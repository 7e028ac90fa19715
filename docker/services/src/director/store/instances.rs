//! `instances`, their `vms` and `ip_addresses`.

use std::net::Ipv4Addr;
use std::time::SystemTime;

use ipnet::Ipv4Net;

use crate::director::clock;
use crate::director::db::{Db, Row, lit};
use crate::director::error::{Error, Result};
use crate::director::log::Logger;

/// An instance, with its active VM and its address.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// Its number.
    pub id: i64,
    /// Its instance group.
    pub job: String,
    /// Its number in the group.
    pub index: i64,
    /// Its name in the group.
    pub uuid: String,
    /// `started`, `stopped` or `detached`: what it should be.
    pub state: String,
    /// Where it stands.
    pub az: String,
    /// Whether it is the group's first.
    pub bootstrap: bool,
    /// What it was last brought to.
    pub spec: String,
    /// Whether the last update of it came to its end.
    pub updated: bool,
    /// Its VM.
    pub vm: Option<Vm>,
    /// Its address and the network of it.
    pub ip: Option<(Ipv4Addr, String)>,
}

/// A VM that the director knows of.
#[derive(Debug, Clone, PartialEq)]
pub struct Vm {
    /// Its number.
    pub id: i64,
    /// The IaaS's name for it.
    pub cid: String,
    /// Its agent.
    pub agent_id: String,
    /// When it was made.
    pub created_at: Option<SystemTime>,
}

impl Instance {
    /// A started one without a VM, for tests.
    #[cfg(test)]
    pub fn of(job: &str, index: i64, uuid: &str) -> Self {
        let [job, uuid, state] = [job, uuid, "started"].map(str::to_owned);
        let (az, spec) = (String::new(), String::new());
        Self { id: 0, job, index, uuid, state, az, bootstrap: false, spec, updated: true, vm: None, ip: None }
    }

    /// `web/<uuid> (0)`, as stages and threads name it.
    pub fn label(&self) -> String {
        format!("{}/{} ({})", self.job, self.uuid, self.index)
    }

    /// `web/<uuid>`, as events name it.
    pub fn name(&self) -> String {
        format!("{}/{}", self.job, self.uuid)
    }
}

/// The deployment's instances, by group and number.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, log: &Logger, deployment: i64) -> Result<Vec<Instance>> {
    let sql = format!(
        r#"SELECT "instances".*, "vms"."id" AS "vm_id", "vms"."cid", "vms"."agent_id", "vms"."created_at" AS "vm_at", "ip_addresses"."address_str", "ip_addresses"."network_name" FROM "instances" LEFT JOIN "vms" ON (("vms"."instance_id" = "instances"."id") AND "vms"."active") LEFT JOIN "ip_addresses" ON ("ip_addresses"."instance_id" = "instances"."id") WHERE ("deployment_id" = {deployment}) ORDER BY "job", "index""#
    );
    Ok(db.query(log, &sql).await?.iter().map(instance).collect())
}

/// A new instance.
///
/// # Errors
/// The database's.
pub async fn create(db: &Db, log: &Logger, deployment: i64, new: &Instance) -> Result<i64> {
    let sql = format!(
        r#"INSERT INTO "instances" ("job", "index", "deployment_id", "state", "uuid", "availability_zone", "bootstrap") VALUES ({}, {}, {deployment}, {}, {}, {}, {}) RETURNING "id""#,
        lit(new.job.as_str()),
        new.index,
        lit(new.state.as_str()),
        lit(new.uuid.as_str()),
        lit(new.az.as_str()),
        new.bootstrap
    );
    let rows = db.save(log, &sql).await?;
    rows.first().map(|row| row.number("id")).ok_or_else(|| Error::database("a new instance has no id"))
}

/// Gives the instance an address, in place of any that it has; false if another deploy
/// has taken it meanwhile, and it has none now.
///
/// # Errors
/// The database's.
pub async fn set_ip(
    db: &Db,
    log: &Logger,
    id: i64,
    (ip, network): (Ipv4Addr, &str),
    task: i64,
    now: SystemTime,
) -> Result<bool> {
    db.execute(log, &format!(r#"DELETE FROM "ip_addresses" WHERE ("instance_id" = {id})"#)).await?;
    let sql = format!(
        r#"INSERT INTO "ip_addresses" ("address_str", "network_name", "instance_id", "task_id", "static", "created_at") VALUES ('{ip}/32', {}, {id}, '{task}', false, {}) ON CONFLICT ("address_str") DO NOTHING RETURNING *"#,
        lit(network),
        clock::sql(now)
    );
    Ok(!db.save(log, &sql).await?.is_empty())
}

/// Every address that any instance has.
///
/// # Errors
/// The database's.
pub async fn ips(db: &Db, log: &Logger) -> Result<Vec<Ipv4Addr>> {
    let rows = db.query(log, r#"SELECT "address_str" FROM "ip_addresses""#).await?;
    Ok(rows.iter().filter_map(|row| address(&row.string("address_str"))).collect())
}

/// Notes where the instance stands and what it was brought to.
///
/// # Errors
/// The database's.
pub async fn set(db: &Db, log: &Logger, id: i64, columns: &[(&str, String)]) -> Result<()> {
    let columns: Vec<_> = columns.iter().map(|(name, value)| format!(r#""{name}" = {value}"#)).collect();
    let sql = format!(r#"UPDATE "instances" SET {} WHERE ("id" = {id})"#, columns.join(", "));
    db.save(log, &sql).await.map(drop)
}

/// Forgets the instance and its address.
///
/// # Errors
/// The database's.
pub async fn delete(db: &Db, log: &Logger, id: i64) -> Result<()> {
    db.execute(log, &format!(r#"DELETE FROM "vms" WHERE ("instance_id" = {id})"#)).await?;
    db.save(log, &format!(r#"DELETE FROM "instances" WHERE "id" = {id}"#)).await.map(drop)
}

/// A VM that the CPI has made, not yet the instance's active one.
///
/// # Errors
/// The database's.
pub async fn add_vm(db: &Db, log: &Logger, instance: i64, cid: &str, agent: &str, now: SystemTime) -> Result<Vm> {
    let sql = format!(
        r#"INSERT INTO "vms" ("instance_id", "agent_id", "cid", "created_at", "stemcell_api_version", "active") VALUES ({instance}, {}, {}, {}, 3, false) RETURNING "id""#,
        lit(agent),
        lit(cid),
        clock::sql(now)
    );
    let id = db.save(log, &sql).await?.first().map_or(0, |row| row.number("id"));
    let sql = format!(r#"UPDATE "ip_addresses" SET "vm_id" = {id} WHERE ("instance_id" = {instance})"#);
    db.execute(log, &sql).await?;
    Ok(Vm { id, cid: cid.to_owned(), agent_id: agent.to_owned(), created_at: Some(now) })
}

/// Makes the VM the instance's active one, alone.
///
/// # Errors
/// The database's.
pub async fn elect_vm(db: &Db, log: &Logger, instance: i64, vm: i64) -> Result<()> {
    let sql = format!(r#"UPDATE "vms" SET "active" = ("id" = {vm}) WHERE ("instance_id" = {instance})"#);
    db.save(log, &sql).await.map(drop)
}

/// Forgets a VM.
///
/// # Errors
/// The database's.
pub async fn remove_vm(db: &Db, log: &Logger, cid: &str) -> Result<()> {
    db.save(log, &format!(r#"DELETE FROM "vms" WHERE "cid" = {}"#, lit(cid))).await.map(drop)
}

/// `10.0.1.2/32`, as the director stores a single address since 2025.
fn address(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok().filter(|net: &Ipv4Net| net.prefix_len() == 32).map(|net| net.addr())
}

fn instance(row: &Row) -> Instance {
    let vm = row.text("cid").map(|cid| Vm {
        id: row.number("vm_id"),
        cid,
        agent_id: row.string("agent_id"),
        created_at: row.time("vm_at"),
    });
    let ip = row.text("address_str").and_then(|text| address(&text));
    Instance {
        id: row.number("id"),
        job: row.string("job"),
        index: row.number("index"),
        uuid: row.string("uuid"),
        state: row.string("state"),
        az: row.string("availability_zone"),
        bootstrap: row.flag("bootstrap"),
        spec: row.string("spec_json"),
        updated: row.flag("update_completed"),
        vm,
        ip: ip.map(|ip| (ip, row.string("network_name"))),
    }
}
