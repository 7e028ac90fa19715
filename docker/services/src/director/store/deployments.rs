//! `deployments` and their configs.

use crate::director::db::{Db, Row, lit};
use crate::director::error::{Error, Result};
use crate::director::log::Logger;

/// A row of `deployments`.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Its number.
    pub id: i64,
    /// `paasta`
    pub name: String,
    /// The manifest that was last deployed; none before the first deploy has ended.
    pub manifest: Option<String>,
    /// Grows with every deploy; marks which links are the newest.
    pub links_serial_id: i64,
}

/// The deployment of that name.
///
/// # Errors
/// `DeploymentNotFound`, or the database's.
pub async fn find(db: &Db, log: &Logger, name: &str) -> Result<Deployment> {
    let sql = format!(r#"SELECT * FROM "deployments" WHERE ("name" = {}) LIMIT 1"#, lit(name));
    let missing = || Error::missing(70000, format!("Deployment '{name}' doesn't exist"));
    db.query(log, &sql).await?.first().map(deployment).ok_or_else(missing)
}

/// The deployment of that name, made if it isn't there; whether it is new.
///
/// # Errors
/// The database's.
pub async fn find_or_create(db: &Db, name: &str) -> Result<bool> {
    let sql =
        format!(r#"INSERT INTO "deployments" ("name") VALUES ({}) ON CONFLICT DO NOTHING RETURNING "id""#, lit(name));
    Ok(!db.save(&Logger::nowhere(), &sql).await?.is_empty())
}

/// All of them, by name.
///
/// # Errors
/// The database's.
pub async fn list(db: &Db) -> Result<Vec<Deployment>> {
    let rows = db.query(&Logger::nowhere(), r#"SELECT * FROM "deployments" ORDER BY "name""#).await?;
    Ok(rows.iter().map(deployment).collect())
}

/// Counts a deploy; the new serial number of its links.
///
/// # Errors
/// The database's.
pub async fn next_links(db: &Db, log: &Logger, deployment: &Deployment) -> Result<i64> {
    let sql = format!(
        r#"UPDATE "deployments" SET "links_serial_id" = "links_serial_id" + 1 WHERE ("id" = {}) RETURNING "links_serial_id""#,
        deployment.id
    );
    Ok(db.save(log, &sql).await?.first().map_or(0, |row| row.number("links_serial_id")))
}

/// Notes what has been deployed, and by which configs.
///
/// # Errors
/// The database's.
pub async fn deployed(db: &Db, log: &Logger, id: i64, manifest: &str, configs: &[i64]) -> Result<()> {
    let text = lit(manifest);
    let sql = format!(r#"UPDATE "deployments" SET "manifest" = {text}, "manifest_text" = {text} WHERE ("id" = {id})"#);
    db.save(log, &sql).await?;
    db.execute(log, &format!(r#"DELETE FROM "deployments_configs" WHERE ("deployment_id" = {id})"#)).await?;
    for config in configs {
        let columns = r#""deployments_configs" ("deployment_id", "config_id")"#;
        db.execute(log, &format!("INSERT INTO {columns} VALUES ({id}, {config}) ON CONFLICT DO NOTHING")).await?;
    }
    Ok(())
}

/// The cloud-configs that it was last deployed by.
///
/// # Errors
/// The database's.
pub async fn configs(db: &Db, id: i64) -> Result<Vec<i64>> {
    let sql =
        format!(r#"SELECT "config_id" FROM "deployments_configs" WHERE "deployment_id" = {id} ORDER BY "config_id""#);
    Ok(db.query(&Logger::nowhere(), &sql).await?.iter().map(|row| row.number("config_id")).collect())
}

/// Forgets it, its links and problems with it.
///
/// # Errors
/// The database's; instances must be gone before.
pub async fn delete(db: &Db, log: &Logger, id: i64) -> Result<()> {
    db.save(log, &format!(r#"DELETE FROM "deployments" WHERE "id" = {id}"#)).await.map(drop)
}

fn deployment(row: &Row) -> Deployment {
    Deployment {
        id: row.number("id"),
        name: row.string("name"),
        manifest: row.text("manifest"),
        links_serial_id: row.number("links_serial_id"),
    }
}
