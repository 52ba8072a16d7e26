//! Options of a store, and ways to open one.

use std::marker::PhantomData;
use std::time::Duration;

use sessions_remote::{Background, OpenByUrl, OpenError, OpenErrorKind, Options, RemoteStore, UrlOptions};
use sessions_store::StoreFuture;
use sqlx::Pool;
use sqlx::pool::PoolOptions;
use tokio::runtime::Handle;

use crate::connections::Connections;
use crate::driver::{Database, Origin};
use crate::engine::Sql;
use crate::statements::{Statements, text};
use crate::table::Table;

/// Time in which a connection has to be made, for those who may still wait for one.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Deadline in place of one that a clock or SQLite cannot count.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The URL options of every SQL store, beside those of each remote store.
const OWN: &[&str] = &["table", "max_connections"];

/// A builder that opens a store with options.
///
/// An option in the URL takes precedence.
#[derive(Clone, Debug)]
#[must_use]
pub struct SqlBuilder<D> {
    pub(crate) schema: Option<String>,
    /// Where connections that the store makes come from.
    pub(crate) origin: Origin,
    table: String,
    options: Options,
    max_connections: Option<u32>,
    database: PhantomData<fn() -> D>,
}

/// Returns how long one try waits for a connection or a lock, so that another may follow.
fn patience(options: &Options) -> Duration {
    options.load_deadline.min(options.commit_deadline).min(LONGEST) / 2
}

impl<D: Database> Default for SqlBuilder<D> {
    fn default() -> Self {
        Self {
            schema: None,
            origin: Origin::Direct,
            table: "sessions".to_owned(),
            options: Options::default(),
            max_connections: None,
            database: PhantomData,
        }
    }
}

impl<D: Database> SqlBuilder<D> {
    /// Sets the name of the table; `sessions` by default.
    ///
    /// Set it if the database has another table of that name: [`migrate`](SqlStore::migrate) leaves
    /// what exists as it is, and the store's calls would fail.
    pub fn table(mut self, table: impl Into<String>) -> Self {
        self.table = table.into();
        self
    }

    sessions_remote::option_setters! {
        ///
        /// One try waits for a connection or a lock for at most half of the shorter deadline, so
        /// that another may follow.
        options
    }

    /// Sets the maximum number of connections; 10 by default, 4 for SQLite.
    ///
    /// They are opened when they are needed, and further calls wait for one. PostgreSQL allows 97
    /// by default, so nine servers can have ten each. On a machine with two processors, ten keep it
    /// busy: 64 clients commit as much per second as eight (`cargo xtask bench databases`). A
    /// larger database may do more with more of them. In SQLite one connection writes at a time and
    /// the others read, each on a thread of its own.
    pub const fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// Opens a store.
    ///
    /// Nothing waits for the database here: one that is down is treated like one that goes down
    /// later.
    ///
    /// # Errors
    ///
    /// Fails if the URL or an option is invalid.
    pub fn open(mut self, url: &str) -> Result<RemoteStore<Sql<D>>, OpenError> {
        if !D::SCHEMES.iter().any(|scheme| url.starts_with(scheme)) {
            let reason = format!("the URL does not begin with {}", D::SCHEMES.join(" or "));
            return Err(OpenError::new(OpenErrorKind::Url, reason));
        }
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let query = UrlOptions::parse(query, &[OWN, D::OWN_OPTIONS, D::SQLX_OPTIONS].concat())?;
        self.read(&query)?;
        let table = self.checked_table()?;
        let options = D::marked(D::connect_options(base, &query, patience(&self.options))?, self.origin);
        let room = D::room(&options);
        let background = Background::start(&format!("sessions-{}", D::NAME))?;
        let runtime = background.handle().clone();
        let pool = {
            // The pool starts a task.
            let _entered = runtime.enter();
            PoolOptions::new()
                .max_connections(self.max_connections.unwrap_or(D::CONNECTIONS))
                .acquire_timeout(CONNECT_TIMEOUT)
                // The store examines them by itself.
                .test_before_acquire(false)
                .connect_lazy_with(options)
        };
        let connections = Connections::new(pool, self.origin, table, runtime, patience(&self.options));
        Ok(self.finish(connections, room, background))
    }

    /// Opens a store on a pool of the application.
    ///
    /// Call this on the tokio runtime that the application runs on, which must outlive the store:
    /// the pool's connections belong to it. While all of them are in use, calls of the store wait,
    /// and fail at their deadline.
    ///
    /// The connections must not lead through a pooler in transaction mode, which may run the
    /// prepared statement of another client in place of ours.
    ///
    /// # Errors
    ///
    /// Fails if an option is invalid, and outside a tokio runtime.
    pub fn open_pool(self, pool: Pool<D::Sqlx>) -> Result<RemoteStore<Sql<D>>, OpenError> {
        let refuse = |reason| Err(OpenError::new(OpenErrorKind::Options, reason));
        if self.max_connections.is_some() {
            return refuse("cannot set `max_connections` for an existing pool: set it on the pool");
        }
        if self.origin == Origin::Pooled {
            return refuse("`pgbouncer` needs connections that log no statements: open the store with a URL");
        }
        let table = self.checked_table()?;
        let runtime = Handle::try_current().map_err(|_| {
            OpenError::new(OpenErrorKind::Runtime, "`open_pool` must be called within the pool's tokio runtime")
        })?;
        // Its timers work also when the application's runtime ends, and where that is busy.
        let background = Background::start(&format!("sessions-{}", D::NAME))?;
        let connections = Connections::new(pool, Origin::Given, table, runtime, patience(&self.options));
        Ok(self.finish(connections, None, background))
    }

    /// Returns the statements that create the table, to be run by hand.
    ///
    /// # Errors
    ///
    /// Fails if the table's name is invalid.
    pub fn schema_sql(&self) -> Result<String, OpenError> {
        Ok(text::<D>("schema", &self.checked_table()?))
    }

    /// Takes over the options of a URL.
    fn read(&mut self, query: &UrlOptions) -> Result<(), OpenError> {
        self.options.read(query)?;
        self.max_connections = query.number("max_connections")?.or(self.max_connections);
        self.table = query.get("table").map_or_else(|| std::mem::take(&mut self.table), str::to_owned);
        self.schema = query.get("schema").map(str::to_owned).or_else(|| self.schema.take());
        let origins = [("true", Origin::Pooled), ("false", Origin::Declared)];
        self.origin = query.one_of("pgbouncer", &origins)?.unwrap_or(self.origin);
        Ok(())
    }

    /// Checks the options, and returns the table.
    fn checked_table(&self) -> Result<Table, OpenError> {
        self.options.check()?;
        if self.max_connections == Some(0) {
            return Err(OpenError::zero("max_connections"));
        }
        Table::new(self.schema.as_deref(), &self.table, D::QUOTE)
    }

    fn finish(self, connections: Connections<D>, room: Option<D::Room>, background: Background) -> RemoteStore<Sql<D>> {
        let statements = Statements::new::<D>(&connections.place.table, connections.origin == Origin::Pooled);
        RemoteStore::with_background(Sql::new(connections, statements, room), self.options, background)
    }
}

impl<D: Database> OpenByUrl for Sql<D> {
    type Builder = SqlBuilder<D>;

    fn open(url: &str) -> Result<RemoteStore<Self>, OpenError> {
        SqlBuilder::default().open(url)
    }
}

/// How long a migration asks a database that is busy or not there.
const MIGRATION: Duration = Duration::from_secs(10);

/// The calls that only stores in SQL databases have.
pub trait SqlStore {
    /// Creates the table, unless it exists.
    ///
    /// Several servers may do so at once. If the table already exists, the role needs no more
    /// rights than the store itself: SELECT, INSERT, UPDATE and DELETE on it. A database that is
    /// busy or just starting is retried for up to ten seconds.
    ///
    /// # Errors
    ///
    /// The future fails after ten seconds if the database cannot be reached, and at once if it
    /// refuses. SQLite refuses if indexes of another table have the names, such as those of a table
    /// that was renamed: drop them first.
    ///
    /// # Example
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # pollster::block_on(async {
    /// use sessions_core::Sessions;
    /// use sessions_sql::{SqlStore, SqliteStore};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let url = format!("sqlite:{}", folder.path().join("sessions.sqlite").display());
    /// let store = SqliteStore::open(&url)?;
    /// store.migrate().await?;
    /// store.migrate().await?; // does nothing
    /// let sessions = Sessions::builder().store(store).build()?;
    /// assert_eq!(sessions.count().await?, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// # }).unwrap();
    /// ```
    fn migrate(&self) -> StoreFuture<()>;
}

impl<D: Database> SqlStore for RemoteStore<Sql<D>> {
    fn migrate(&self) -> StoreFuture<()> {
        self.call(MIGRATION, |store| async move { store.engine().migrate().await })
    }
}
