//! The service's tables, and all that is ever said to them.

use tokio_postgres::{Client, Transaction};

use super::settings::Settings;
use crate::database::{Failure, Lease, Pool};

/// The schema, the same as that of the service in `docker/spring`.
const TABLES: &str = include_str!("schema.sql");

/// The work as the report's service does it: twice if it is told twice. `$1` are
/// the ids, all rows if null; `$2` is the origin, `$3` the instance.
const EXECUTE: &str = "
    WITH flagged AS (
        UPDATE requests SET flag = true, done_at = coalesce(done_at, clock_timestamp())
        WHERE $1::bigint[] IS NULL OR id = ANY($1) RETURNING id, value)
    INSERT INTO effects (request_id, value, origin, instance) SELECT id, value, $2, $3 FROM flagged";

/// The same, but only where it was not done yet.
const EXECUTE_ONCE: &str = "
    WITH flagged AS (
        UPDATE requests SET flag = true, done_at = clock_timestamp()
        WHERE ($1::bigint[] IS NULL OR id = ANY($1)) AND NOT flag RETURNING id, value)
    INSERT INTO effects (request_id, value, origin, instance) SELECT id, value, $2, $3 FROM flagged";

/// Takes the oldest intent that no other worker has.
const CLAIM: &str = "
    SELECT request_id FROM intents WHERE done_at IS NULL
    ORDER BY request_id LIMIT 1 FOR UPDATE SKIP LOCKED";

/// Takes it by deleting it: an acknowledgement before the work.
const CLAIM_AND_FORGET: &str = "
    DELETE FROM intents WHERE request_id = (
        SELECT request_id FROM intents WHERE done_at IS NULL
        ORDER BY request_id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING request_id";

/// A request's row.
#[derive(Debug, Clone)]
pub(super) struct Row<'a> {
    pub id: i64,
    pub value: i64,
    pub kind: &'a str,
    /// Whether an intent goes into the same transaction.
    pub intent: bool,
}

/// Whether doing the work again would do it twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Execution {
    Blind,
    Once,
}

#[derive(Debug)]
pub(super) struct Store {
    pool: Pool,
    instance: String,
}

impl Store {
    pub fn new(settings: &Settings) -> Self {
        let held = if settings.variant.keeps_intents() { settings.workers } else { 0 };
        let pool = Pool::new(settings.database.clone(), settings.pool + held, settings.database_limit);
        Self { pool, instance: settings.instance.clone() }
    }

    pub async fn create_tables(&self) -> Result<(), Failure> {
        let mut lease = self.pool.lease().await?;
        self.pool.bounded(lease.client().batch_execute(TABLES)).await?;
        lease.keep();
        Ok(())
    }

    pub async fn ping(&self) -> Result<(), Failure> {
        let mut lease = self.pool.lease().await?;
        self.pool.bounded(lease.client().simple_query("SELECT 1")).await?;
        lease.keep();
        Ok(())
    }

    /// Stores a request; false if its id is known already.
    pub async fn insert(&self, row: &Row<'_>) -> Result<bool, Failure> {
        let mut lease = self.pool.lease().await?;
        let new = self.pool.bounded(self.insert_over(lease.client(), row)).await?;
        lease.keep();
        Ok(new)
    }

    async fn insert_over(&self, client: &mut Client, row: &Row<'_>) -> Result<bool, tokio_postgres::Error> {
        let transaction = client.transaction().await?;
        let new = transaction
            .execute(
                "INSERT INTO requests (id, value, kind, instance) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                &[&row.id, &row.value, &row.kind, &self.instance],
            )
            .await?
            == 1;
        if new && row.intent {
            transaction.execute("INSERT INTO intents (request_id) VALUES ($1)", &[&row.id]).await?;
        }
        transaction.commit().await?;
        Ok(new)
    }

    /// Executes the work of the given requests, of all if `None`; how many it was.
    pub async fn execute(&self, ids: Option<&[i64]>, how: Execution, origin: &str) -> Result<u64, Failure> {
        let sql = match how {
            Execution::Blind => EXECUTE,
            Execution::Once => EXECUTE_ONCE,
        };
        let mut lease = self.pool.lease().await?;
        let count = self.pool.bounded(lease.client().execute(sql, &[&ids, &origin, &self.instance])).await?;
        lease.keep();
        Ok(count)
    }

    /// A connection for [`Store::claim`].
    pub async fn lease(&self) -> Result<Lease<'_>, Failure> {
        self.pool.lease().await
    }

    /// The oldest open intent, locked until the claim is finished or dropped.
    pub async fn claim<'a>(&self, lease: &'a mut Lease<'_>) -> Result<Option<Claim<'a>>, Failure> {
        let step = async {
            let transaction = lease.client().transaction().await?;
            let row = transaction.query_opt(CLAIM, &[]).await?;
            row.map(|row| Ok(Claim { id: row.try_get(0)?, transaction })).transpose()
        };
        self.pool.bounded(step).await
    }

    /// The effect and the intent's end, in the transaction that has claimed it.
    pub async fn finish(&self, claim: Claim<'_>) -> Result<(), Failure> {
        let Claim { id, transaction } = claim;
        let step = async {
            transaction.execute(EXECUTE_ONCE, &[&[id].as_slice(), &"work", &self.instance]).await?;
            transaction.execute("UPDATE intents SET done_at = clock_timestamp() WHERE request_id = $1", &[&id]).await?;
            transaction.commit().await
        };
        self.pool.bounded(step).await
    }

    /// The oldest intent, which from now on only the caller knows of.
    pub async fn claim_and_forget(&self) -> Result<Option<i64>, Failure> {
        let mut lease = self.pool.lease().await?;
        let row = self.pool.bounded(lease.client().query_opt(CLAIM_AND_FORGET, &[])).await?;
        lease.keep();
        row.map(|row| row.try_get(0)).transpose().map_err(Failure::Postgres)
    }
}

/// An intent that one worker has.
pub(super) struct Claim<'a> {
    pub id: i64,
    transaction: Transaction<'a>,
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_other_service_has_the_same_tables() {
        let other = concat!(env!("CARGO_MANIFEST_DIR"), "/../spring/src/schema.sql");
        assert_eq!(std::fs::read_to_string(other).expect("in the repository"), super::TABLES);
    }
}
