//! Compares Hopguard with a server that only says yes, in one interleaved run: what counts is the ratio, which carries over to other machines.
//!
//! `make bench` runs it whole; `--quick` runs every part of it for a moment, so that it cannot rot. With `--reload` it measures what a
//! reload costs those who ask meanwhile.
#![allow(clippy::cast_precision_loss, reason = "counts are small")]

mod load;
#[path = "../mesh.rs"]
mod mesh;
mod noop;
mod process;
mod reload;

use std::{
    env,
    path::Path,
    time::{Duration, Instant},
};

use hopguard::pb::CheckRequest;
use prost::Message;

use self::{
    load::Connection,
    mesh::{Mesh, Result},
    process::Server,
};

/// With this argument and a path the executable is the no-op server.
const SERVE: &str = "--serve-noop";

/// How many Checks are in flight, and how many are asked in all.
const CELLS: [(usize, usize); 3] = [(1, 4_000), (10, 15_000), (100, 30_000)];
const ROUNDS: usize = 3;
/// No cell takes longer.
const LIMIT: Duration = Duration::from_millis(1_500);
const QUICK_LIMIT: Duration = Duration::from_millis(100);
/// How long a server may take to say yes for the first time.
const READY_WITHIN: Duration = Duration::from_secs(15);

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let [role, socket] = arguments.as_slice()
        && role == SERVE
    {
        return runtime.block_on(noop::serve(Path::new(socket)));
    }
    // Cargo says `--bench` when it is asked for benchmarks, and nothing when it is asked for tests.
    let quick = arguments.iter().any(|it| it == "--quick") || !arguments.iter().any(|it| it == "--bench");
    if arguments.iter().any(|it| it == "--reload") {
        return runtime.block_on(reload::measure(quick));
    }
    runtime.block_on(async {
        compare(quick).await?;
        if quick { reload::measure(quick).await } else { Ok(()) }
    })
}

/// A server, and the best that it did in each of [`CELLS`].
struct Column {
    server: Server,
    best: [Best; CELLS.len()],
}

#[derive(Clone, Copy)]
struct Best {
    /// Microseconds of processor for one Check.
    cpu: f64,
    /// Answers in each second.
    rate: f64,
    /// Milliseconds.
    p99: f64,
}

impl Best {
    const NONE: Self = Self { cpu: f64::INFINITY, rate: 0.0, p99: f64::INFINITY };

    fn or(self, other: Self) -> Self {
        Self { cpu: self.cpu.min(other.cpu), rate: self.rate.max(other.rate), p99: self.p99.min(other.p99) }
    }
}

async fn compare(quick: bool) -> Result<()> {
    let mesh = Mesh::write()?;
    let mut servers = vec![Server::noop(&mesh)?, Server::hopguard(&mesh)?];
    servers.extend(Server::opa(&mesh)?);
    for server in &mut servers {
        until_it_allows(server, &mesh.request).await?;
    }

    let rounds = if quick { 1 } else { ROUNDS };
    let limit = if quick { QUICK_LIMIT } else { LIMIT };
    let column = |server| Column { server, best: [Best::NONE; CELLS.len()] };
    let mut columns: Vec<_> = servers.into_iter().map(column).collect();
    for round in 1..=rounds {
        eprintln!("Round {round} of {rounds}");
        for (cell, (in_flight, count)) in CELLS.into_iter().enumerate() {
            for Column { server, best } in &mut columns {
                let measured = measure(server, &mesh.request, in_flight, count, limit).await?;
                if let Some(best) = best.get_mut(cell) {
                    *best = best.or(measured);
                }
            }
        }
    }
    print(&columns, mesh.request.encoded_len(), rounds)
}

/// Asks until the answer is an allow; a server that is still loading denies.
async fn until_it_allows(server: &mut Server, request: &CheckRequest) -> Result<()> {
    let started = Instant::now();
    loop {
        let asked = async { Connection::open(&server.socket, request).await?.ask(1, 1, LIMIT).await }.await;
        let Err(error) = asked else { return Ok(()) };
        if let Some(end) = server.ended() {
            return Err(format!("{end}\n{}", server.log()).into());
        }
        if started.elapsed() > READY_WITHIN {
            return Err(format!("{} does not allow: {error}\n{}", server.name, server.log()).into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn measure(
    server: &Server,
    request: &CheckRequest,
    in_flight: usize,
    count: usize,
    limit: Duration,
) -> Result<Best> {
    let connection = Connection::open(&server.socket, request).await?;
    connection.ask(count / 20, in_flight, limit).await?;
    let before = server.cpu()?;
    let seen = connection.ask(count, in_flight, limit).await?;
    let cpu = server.cpu()?.saturating_sub(before);
    Ok(Best {
        cpu: cpu.as_secs_f64() * 1e6 / seen.latencies.len() as f64,
        rate: seen.rate(),
        p99: seen.p99().as_secs_f64() * 1e3,
    })
}

/// Prints one table. The first column is what the others are held against.
fn print(columns: &[Column], bytes: usize, rounds: usize) -> Result<()> {
    let floor = columns.first().ok_or("nothing was measured")?;
    println!("One connection over a Unix socket, {bytes} bytes a Check, best of {rounds} interleaved rounds.");
    println!("×: against {}, which decodes the request and says yes.\n", floor.server.name);
    let heads = CELLS.map(|(in_flight, _)| format!("{:>20}", format!("{in_flight} in flight")));
    println!("{:32}{}", "", heads.concat());
    rows(columns, "CPU of a Check, µs", 1, |best| best.cpu);
    rows(columns, "Checks a second", 0, |best| best.rate);
    rows(columns, "p99, ms", 2, |best| best.p99);
    for Column { server, .. } in columns {
        println!("{:<20}{:<12}{:>20.1}", "RSS, MiB", server.name, server.resident()?);
    }
    if env::var_os("OPA_ENVOY_BIN").is_none() {
        println!("\nThe OPA-Envoy plugin was left out: OPA_ENVOY_BIN does not name it.");
    }
    Ok(())
}

fn rows(columns: &[Column], title: &str, digits: usize, value: fn(&Best) -> f64) {
    let Some(floor) = columns.first() else { return };
    for Column { server, best } in columns {
        print!("{title:<20}{:<12}", server.name);
        for (best, floor) in best.iter().zip(&floor.best) {
            let (value, floor) = (value(best), value(floor));
            print!("{:>20}", format!("{value:.digits$} {:>5.2}×", value / floor));
        }
        println!();
    }
}
