//! `persistent_disks`, each an instance's, and `orphan_disks`, which outlive theirs.

use std::time::SystemTime;

use serde_json::Value;

use crate::director::clock;
use crate::director::db::{Db, Row, lit};
use crate::director::error::Result;
use crate::director::log::Logger;

/// What a disk is made by.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// MiB.
    pub size: i64,
    /// What the CPI is told of it.
    pub cloud_properties: Value,
}

/// A persistent disk of an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    /// The IaaS's name for it.
    pub cid: String,
    /// What it was made by.
    pub made_by: Wanted,
}

/// A disk whose instance is gone, or has another one.
#[derive(Debug, Clone, PartialEq)]
pub struct Orphan {
    /// The disk.
    pub disk: Disk,
    /// Where it is.
    pub az: String,
    /// The deployment that had it.
    pub deployment: String,
    /// `web/<uuid>`, whose it was.
    pub instance: String,
    /// When it was orphaned.
    pub at: Option<SystemTime>,
}

/// The instance's disk.
///
/// # Errors
/// The database's.
pub async fn of(db: &Db, log: &Logger, instance: i64) -> Result<Option<Disk>> {
    let sql =
        format!(r#"SELECT * FROM "persistent_disks" WHERE (("instance_id" = {instance}) AND ("active" IS TRUE))"#);
    Ok(db.query(log, &sql).await?.first().map(disk))
}

/// The instance whose disk it is.
///
/// # Errors
/// The database's.
pub async fn owner(db: &Db, log: &Logger, cid: &str) -> Result<Option<i64>> {
    let sql = format!(r#"SELECT "instance_id" FROM "persistent_disks" WHERE ("disk_cid" = {})"#, lit(cid));
    Ok(db.query(log, &sql).await?.first().map(|row| row.number("instance_id")))
}

/// Gives the instance a disk.
///
/// # Errors
/// The database's.
pub async fn add(db: &Db, log: &Logger, instance: i64, disk: &Disk) -> Result<()> {
    let sql = format!(
        r#"INSERT INTO "persistent_disks" ("name", "disk_cid", "active", "instance_id", "size", "cloud_properties_json") VALUES ('', {}, true, {instance}, {}, {})"#,
        lit(disk.cid.as_str()),
        disk.made_by.size,
        lit(disk.made_by.cloud_properties.to_string().as_str())
    );
    db.save(log, &sql).await.map(drop)
}

/// Takes the disk from its instance, and keeps it.
///
/// # Errors
/// The database's.
pub async fn orphan(db: &Db, log: &Logger, orphan: &Orphan, now: SystemTime) -> Result<()> {
    let (cid, made_by) = (lit(orphan.disk.cid.as_str()), &orphan.disk.made_by);
    let sql = format!(
        r#"INSERT INTO "orphan_disks" ("disk_cid", "size", "availability_zone", "deployment_name", "instance_name", "cloud_properties_json", "created_at") VALUES ({cid}, {}, {}, {}, {}, {}, {}); DELETE FROM "persistent_disks" WHERE "disk_cid" = {cid}"#,
        made_by.size,
        lit(orphan.az.as_str()),
        lit(orphan.deployment.as_str()),
        lit(orphan.instance.as_str()),
        lit(made_by.cloud_properties.to_string().as_str()),
        clock::sql(now)
    );
    db.save(log, &sql).await.map(drop)
}

/// The disks that nobody has, in the order in which they were orphaned.
///
/// # Errors
/// The database's.
pub async fn orphans(db: &Db, log: &Logger) -> Result<Vec<Orphan>> {
    let rows = db.query(log, r#"SELECT * FROM "orphan_disks" ORDER BY "id""#).await?;
    let orphan = |row: &Row| Orphan {
        disk: disk(row),
        az: row.string("availability_zone"),
        deployment: row.string("deployment_name"),
        instance: row.string("instance_name"),
        at: row.time("created_at"),
    };
    Ok(rows.iter().map(orphan).collect())
}

/// Forgets an orphaned disk.
///
/// # Errors
/// The database's.
pub async fn forget(db: &Db, log: &Logger, cid: &str) -> Result<()> {
    db.save(log, &format!(r#"DELETE FROM "orphan_disks" WHERE "disk_cid" = {}"#, lit(cid))).await.map(drop)
}

fn disk(row: &Row) -> Disk {
    let cloud_properties = serde_json::from_str(&row.string("cloud_properties_json")).unwrap_or_default();
    Disk { cid: row.string("disk_cid"), made_by: Wanted { size: row.number("size"), cloud_properties } }
}
