//! `configs`: cloud-configs, and whatever else `update-config` is given.

use std::time::SystemTime;

use crate::director::clock;
use crate::director::db::{Db, Row, lit};
use crate::director::error::Result;
use crate::director::log::Logger;

/// A version of a config.
#[derive(Debug, Clone)]
pub struct ConfigRow {
    /// Its number.
    pub id: i64,
    /// `default`
    pub name: String,
    /// `cloud`
    pub kind: String,
    /// The YAML as it was given.
    pub content: String,
    /// When.
    pub created_at: Option<SystemTime>,
}

/// The newest version of every config of that type (and name), or with `all` every version; newest first.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db, kind: Option<&str>, name: Option<&str>, all: bool) -> Result<Vec<ConfigRow>> {
    let of = |column: &str, value: Option<&str>| {
        value.map(|value| format!(r#" AND "{column}" = {}"#, lit(value))).unwrap_or_default()
    };
    let latest = r#" AND "id" IN (SELECT max("id") FROM "configs" WHERE NOT "deleted" GROUP BY "type", "name")"#;
    let sql = format!(
        r#"SELECT * FROM "configs" WHERE NOT "deleted"{}{}{} ORDER BY "id" DESC"#,
        of("type", kind),
        of("name", name),
        if all { "" } else { latest }
    );
    Ok(db.query(&Logger::nowhere(), &sql).await?.iter().map(config).collect())
}

/// The configs of those numbers.
///
/// # Errors
/// The database's.
pub async fn by_ids(db: &Db, log: &Logger, ids: &[i64]) -> Result<Vec<ConfigRow>> {
    let ids: Vec<_> = ids.iter().map(i64::to_string).collect();
    let sql = format!(r#"SELECT * FROM "configs" WHERE ("id" IN (NULL{}{}))"#, comma(&ids), ids.join(", "));
    Ok(db.query(log, &sql).await?.iter().map(config).collect())
}

/// A new version.
///
/// # Errors
/// The database's.
pub async fn create(db: &Db, kind: &str, name: &str, content: &str, now: SystemTime) -> Result<Option<ConfigRow>> {
    let sql = format!(
        r#"INSERT INTO "configs" ("type", "name", "content", "created_at") VALUES ({}, {}, {}, {}) RETURNING *"#,
        lit(kind),
        lit(name),
        lit(content),
        clock::sql(now)
    );
    Ok(db.save(&Logger::nowhere(), &sql).await?.first().map(config))
}

/// Marks every version deleted; how many there were.
///
/// # Errors
/// The database's.
pub async fn delete(db: &Db, kind: &str, name: &str) -> Result<u64> {
    let sql = format!(
        r#"UPDATE "configs" SET "deleted" = true WHERE NOT "deleted" AND "type" = {} AND "name" = {}"#,
        lit(kind),
        lit(name)
    );
    db.execute(&Logger::nowhere(), &sql).await
}

/// Marks one version deleted; how many there were.
///
/// # Errors
/// The database's.
pub async fn delete_one(db: &Db, id: i64) -> Result<u64> {
    let sql = format!(r#"UPDATE "configs" SET "deleted" = true WHERE NOT "deleted" AND "id" = {id}"#);
    db.execute(&Logger::nowhere(), &sql).await
}

fn comma(list: &[String]) -> &'static str {
    if list.is_empty() { "" } else { ", " }
}

fn config(row: &Row) -> ConfigRow {
    ConfigRow {
        id: row.number("id"),
        name: row.string("name"),
        kind: row.string("type"),
        content: row.string("content"),
        created_at: row.time("created_at"),
    }
}
