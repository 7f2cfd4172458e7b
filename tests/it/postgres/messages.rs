//! What a person reads who gives the program a database that cannot be used.

use super::cluster::Cluster;
use super::{Database, MASTER_KEY};
use crate::cli::{Ran, run};
use crate::program::command;
use crate::sdk::certificates::Certificates;
use crate::waiting::eventually;
use std::path::Path;
use tokio_postgres::{Client, NoTls};

/// Opens the store at `url`, and ends.
async fn open(url: &str) -> Ran {
    let mut list = command();
    list.args(["keys", "list", "--store", url])
        .env("LONGRUN_MASTER_KEY", MASTER_KEY);
    run(list, "").await
}

async fn check(url: &str, status: i32, expected: &str) {
    let ran = open(url).await;
    let told = ran.stderr.trim_end();
    assert_eq!(told, expected, "{url}");
    ran.with_status(status);
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("the server answers");
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_cannot_be_used_is_refused_with_the_reason() {
    let Some(database) = Database::new().await else {
        return;
    };
    let url = &database.url;
    let (_, name) = url.rsplit_once('/').expect("it names a database");
    open(url).await.with_status(0);
    let client = connect(url).await;
    for sql in [
        format!("CREATE ROLE {name}_none LOGIN CONNECTION LIMIT 0"),
        format!("CREATE ROLE {name}_guest LOGIN"),
        format!("CREATE DATABASE {name}_latin TEMPLATE template0 ENCODING 'LATIN1'"),
        "CREATE SCHEMA newer".to_owned(),
        "CREATE TABLE newer.longrun_schema (id SMALLINT, version BIGINT)".to_owned(),
        "INSERT INTO newer.longrun_schema VALUES (1, 99)".to_owned(),
        "CREATE SCHEMA theirs".to_owned(),
        "CREATE TABLE theirs.operation (x TEXT)".to_owned(),
    ] {
        client.batch_execute(&sql).await.expect(&sql);
    }
    let version = "SELECT version FROM longrun_schema";
    let rows = client.query(version, &[]).await.expect(version);
    for (url, expected) in refusals(url, rows[0].get(0)) {
        check(&url, 1, &expected).await;
    }
    told_without_asking().await;
}

/// Addresses of databases that cannot be used, and what is said of them.
fn refusals(url: &str, known: i64) -> Vec<(String, String)> {
    let (server, name) = url.rsplit_once('/').expect("it names a database");
    let (_, host) = server.rsplit_once('@').expect("it names a user");
    let shown = format!("postgres://{host}/{name}");
    let longrun = "longrun: the store cannot be used: ";
    let connecting =
        "longrun: the store cannot be used: could not connect to the database: db error: ";
    vec![
        (
            format!("{server}/{name}_none"),
            format!("{connecting}FATAL: database \"{name}_none\" does not exist"),
        ),
        (
            format!("postgres://{name}_nobody@{host}/{name}"),
            format!("{connecting}FATAL: role \"{name}_nobody\" does not exist"),
        ),
        (
            format!("postgres://{name}_none@{host}/{name}"),
            format!("{connecting}FATAL: too many connections for role \"{name}_none\""),
        ),
        (
            format!("postgres://{name}_guest@{host}/{name}"),
            format!(
                "{longrun}could not read the schema's number: db error: ERROR: permission denied for table longrun_schema"
            ),
        ),
        (
            format!("{server}/{name}_latin"),
            format!(
                "{longrun}the database cannot be used: its encoding is `LATIN1`, and must be `UTF8`"
            ),
        ),
        (
            format!("{url}?options=-c%20search_path=newer"),
            format!(
                "{longrun}the store has schema 99, and this program knows schemas up to {known}: use a newer program"
            ),
        ),
        (
            format!("{url}?options=-c%20search_path=theirs"),
            format!("{longrun}`{shown}` is a database of another program"),
        ),
        (
            format!("{url}?options=-c%20synchronous_commit=off"),
            format!(
                "{longrun}the database cannot be used: `synchronous_commit` is off for this user, and what it acknowledges could be lost"
            ),
        ),
        (
            format!("{url}?sslmode=require"),
            format!(
                "{longrun}could not connect to the database: error performing TLS handshake: server does not support TLS"
            ),
        ),
        (
            "postgres://u@127.0.0.1:1/d".to_owned(),
            format!(
                "{longrun}could not connect to the database: error connecting to server: Connection refused (os error 111)"
            ),
        ),
    ]
}

/// Addresses that cannot be used at all.
async fn told_without_asking() {
    for (url, expected) in [
        (
            "postgres://u:s3cret@h:port/d",
            "the address of the database cannot be understood: ",
        ),
        ("postgres://u@h/d?colour=blue", "unknown option"),
        (
            "postgres://u@h/d?sslmode=prefer",
            "`sslmode` must be `disable`, `require` or `verify-full`",
        ),
    ] {
        let told = open(url).await.with_status(2).stderr;
        assert!(told.contains(expected), "{told}");
    }
}

/// With several hosts the one is found that can be written to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_that_can_be_written_to_is_found() {
    let Some(database) = Database::new().await else {
        return;
    };
    let url = database.url.replace('@', "@127.0.0.1:1,");
    open(&format!("{url}?target_session_attrs=read-write"))
        .await
        .with_status(0);
}

/// A database with TLS is talked to only if its certificate is good, and the name in it that of the host.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_databases_are_checked() {
    let Some(cluster) = Cluster::primary() else {
        return;
    };
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let [ours, strangers] = ["ours", "strangers"].map(|name| {
        let folder = folder.path().join(name);
        std::fs::create_dir(&folder).expect("it can be made");
        Certificates::make(&folder)
    });
    cluster.speak_tls(&ours.certificate, &ours.key);
    let client = cluster.connect().await;
    for sql in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        client.batch_execute(sql).await.expect(sql);
    }
    eventually("the server speaks TLS", async || {
        let rows = cluster.connect().await.query("SHOW ssl", &[]).await.ok()?;
        (rows.first()?.get::<_, &str>(0) == "on").then_some(())
    })
    .await;
    let port = cluster.port;
    let url = |host: &str, more: &str, authority: &Path| {
        let authority = authority.display();
        format!("postgres://postgres@{host}:{port}/postgres?sslrootcert={authority}&{more}")
    };
    for (host, more) in [
        ("127.0.0.1", "sslmode=verify-full"),
        (
            "localhost",
            "sslmode=require&target_session_attrs=read-write",
        ),
        ("localhost,127.0.0.1", "sslmode=verify-full"),
    ] {
        let ran = open(&url(host, more, &ours.authority)).await;
        assert_eq!(ran.stderr, "", "{host} {more}");
        ran.with_status(0);
    }
    let program = Database::at(url("localhost", "sslmode=require", &ours.authority));
    let program = program.serve();
    let sql = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
               WHERE application_name = 'longrun' AND NOT ssl";
    let rows = client.query(sql, &[]).await.expect("it may be asked");
    assert_eq!(rows[0].get::<_, i64>(0), 0, "no connection is in the clear");
    drop(program);
    for (url, expected) in [
        (
            url("localhost", "sslmode=verify-full", &strangers.authority),
            "invalid peer certificate: ",
        ),
        (
            url(
                "db.example",
                "hostaddr=127.0.0.1&sslmode=require",
                &ours.authority,
            ),
            "not valid for name \"db.example\"",
        ),
        (
            url("localhost", "sslmode=require", Path::new("/no/such/file")),
            "could not read the file that `sslrootcert` names: ",
        ),
    ] {
        let told = open(&url).await.with_status(1).stderr;
        assert!(told.contains(expected), "{told}");
    }
}
