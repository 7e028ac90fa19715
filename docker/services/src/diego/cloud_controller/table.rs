//! The applications' table, and all that is ever said to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::database::{Failure, Pool};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS apps (
    process_guid text PRIMARY KEY, instances integer NOT NULL CHECK (instances >= 0), version bigint NOT NULL)";

/// How long the database may take.
const LIMIT: Duration = Duration::from_secs(5);

/// An application that should run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct App {
    /// Its id.
    pub(super) process_guid: String,
    /// How many of it should run.
    pub(super) instances: u32,
    /// Of which version it is: 1 when it is new.
    #[serde(default)]
    pub(super) version: i64,
}

#[derive(Debug)]
pub(super) struct Table {
    pool: Pool,
}

impl Table {
    pub(super) fn new(database: tokio_postgres::Config) -> Self {
        Self { pool: Pool::new(database, 4, LIMIT) }
    }

    /// All applications; the table is made if there is none.
    pub(super) async fn all(&self) -> Result<Vec<App>, Failure> {
        let mut lease = self.pool.lease().await?;
        self.pool.bounded(lease.client().batch_execute(CREATE)).await?;
        let query = lease.client().query("SELECT process_guid, instances, version FROM apps ORDER BY 1", &[]);
        let rows = self.pool.bounded(query).await?;
        lease.keep();
        let app = |row: &tokio_postgres::Row| {
            let instances: i32 = row.try_get(1)?;
            // The table allows no other.
            let instances = u32::try_from(instances).unwrap_or(0);
            Ok(App { process_guid: row.try_get(0)?, instances, version: row.try_get(2)? })
        };
        rows.iter().map(app).collect::<Result<_, tokio_postgres::Error>>().map_err(Failure::from)
    }

    /// Stores an application, a new version of it if it is known.
    pub(super) async fn push(&self, process_guid: &str, instances: i32) -> Result<(), Failure> {
        const PUSH: &str = "INSERT INTO apps VALUES ($1, $2, 1)
            ON CONFLICT (process_guid) DO UPDATE SET instances = $2, version = apps.version + 1";
        let mut lease = self.pool.lease().await?;
        self.pool.bounded(lease.client().batch_execute(CREATE)).await?;
        self.pool.bounded(lease.client().execute(PUSH, &[&process_guid, &instances])).await?;
        lease.keep();
        Ok(())
    }

    /// Deletes an application; false if there is none.
    pub(super) async fn delete(&self, process_guid: &str) -> Result<bool, Failure> {
        const DELETE: &str = "DELETE FROM apps WHERE process_guid = $1";
        let mut lease = self.pool.lease().await?;
        self.pool.bounded(lease.client().batch_execute(CREATE)).await?;
        let count = self.pool.bounded(lease.client().execute(DELETE, &[&process_guid])).await?;
        lease.keep();
        Ok(count == 1)
    }
}
