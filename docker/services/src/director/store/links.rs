//! The link tables. A deploy writes them right before it makes VMs: the report's last lines that say anything.

use std::time::SystemTime;

use serde_json::json;

use crate::director::clock;
use crate::director::db::{Db, lit};
use crate::director::error::Result;
use crate::director::log::Logger;

/// A job that provides or consumes links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedJob {
    /// Its instance group.
    pub group: String,
    /// The job.
    pub job: String,
    /// The links by their original names.
    pub links: Vec<String>,
}

/// Where the links belong to.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    /// The database.
    pub db: &'a Db,
    /// The job's log.
    pub log: &'a Logger,
    /// The deployment.
    pub deployment: i64,
    /// The deploy's serial number.
    pub serial: i64,
    /// When.
    pub now: SystemTime,
}

/// Which of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// `link_providers`, `link_provider_intents`
    Provider,
    /// `link_consumers`, `link_consumer_intents`
    Consumer,
}

impl Side {
    fn table(self) -> &'static str {
        match self {
            Self::Provider => "link_provider",
            Self::Consumer => "link_consumer",
        }
    }
}

impl Owner<'_> {
    /// Writes one job's side: its row, and for each link an intent if there is none yet.
    ///
    /// # Errors
    /// The database's.
    pub async fn insert(&self, side: Side, job: &LinkedJob) -> Result<()> {
        let (table, Self { db, log, deployment, serial, .. }) = (side.table(), *self);
        let sql = format!(
            r#"INSERT INTO "{table}s" ("deployment_id", "instance_group", "name", "type", "serial_id") VALUES ({deployment}, {}, {}, 'job', {serial}) ON CONFLICT ("deployment_id", "instance_group", "name", "type") DO UPDATE SET "serial_id" = {serial} RETURNING "id""#,
            lit(job.group.as_str()),
            lit(job.job.as_str())
        );
        let id = db.save(log, &sql).await?.first().map_or(0, |row| row.number("id"));
        for name in job.links.iter().map(|link| lit(link.as_str())) {
            let sql = format!(
                r#"INSERT INTO "{table}_intents" ("{table}_id", "original_name", "type") VALUES ({id}, {name}, {name}) ON CONFLICT ("{table}_id", "original_name") DO NOTHING RETURNING *"#
            );
            db.save(log, &sql).await?;
        }
        Ok(())
    }

    /// Brings one job's intents to this deploy. For consumers these are the last writes before the first VM.
    ///
    /// # Errors
    /// The database's.
    pub async fn update(&self, side: Side, job: &LinkedJob) -> Result<()> {
        let (table, Self { db, log, deployment, serial, .. }) = (side.table(), *self);
        let metadata = lit(json!({"explicit_link": true}).to_string().as_str());
        for name in job.links.iter().map(|link| lit(link.as_str())) {
            let sql = format!(
                r#"UPDATE "{table}_intents" SET "name" = {name}, "metadata" = {metadata}, "serial_id" = {serial} WHERE (("{table}_id" IN (SELECT "id" FROM "{table}s" WHERE (("deployment_id" = {deployment}) AND ("instance_group" = {}) AND ("name" = {})))) AND ("original_name" = {name}))"#,
                lit(job.group.as_str()),
                lit(job.job.as_str())
            );
            db.save(log, &sql).await?;
        }
        Ok(())
    }

    /// Joins every consumer to the provider of the link's name.
    ///
    /// # Errors
    /// The database's.
    pub async fn resolve(&self) -> Result<()> {
        let Self { db, log, deployment, serial, now } = *self;
        let sql = format!(
            r#"INSERT INTO "links" ("link_provider_intent_id", "link_consumer_intent_id", "name", "link_content", "created_at") SELECT "p"."id", "c"."id", "c"."original_name", '{{}}', {} FROM "link_consumer_intents" "c" JOIN "link_consumers" "cs" ON ("cs"."id" = "c"."link_consumer_id") JOIN "link_provider_intents" "p" ON ("p"."original_name" = "c"."original_name") JOIN "link_providers" "ps" ON ("ps"."id" = "p"."link_provider_id") WHERE (("cs"."deployment_id" = {deployment}) AND ("ps"."deployment_id" = {deployment}) AND ("cs"."serial_id" = {serial})) AND NOT EXISTS (SELECT 1 FROM "links" WHERE ("link_consumer_intent_id" = "c"."id"))"#,
            clock::sql(now)
        );
        db.save(log, &sql).await.map(drop)
    }
}
