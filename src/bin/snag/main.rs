//! The companion: posts events, reads hotspots. Parse, ask, render.

mod args;
mod backup;
#[cfg(test)]
#[path = "../../cases.rs"]
mod cases;
mod complete;
mod demo;
mod doctor;
mod dsn;
mod forget;
mod help;
mod hook;
mod import;
mod last;
mod log;
#[path = "../man/mod.rs"]
mod man;
mod manual;
mod notice;
mod open;
mod outbox;
mod output;
mod prompt;
mod query;
mod reach;
mod read;
mod render;
mod run;
mod service;
mod session;
mod signals;
mod spool;
mod stop;
mod tail;
mod usage;

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;

use args::{Act, Cli, Command, Formats, Global, Later};
use output::{Format, Output};
use stop::{Code, stop};

fn main() -> ExitCode {
    let started = Instant::now();
    // Before anything else: whatever is wrong, nothing may be said into somebody's prompt.
    if let Some(question) = complete::question(env::args_os()) {
        complete::answer(question, started);
        return ExitCode::SUCCESS;
    }
    if let Some(heard) = hook::heard(env::args_os()) {
        hook::record(&heard);
        return ExitCode::SUCCESS;
    }
    let output = Output::new(&Global::default());
    match usage::read(&output) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(cli)) => {
            let output = Output::new(&cli.global);
            start(cli, &output).unwrap_or_else(|error| fail(&error, &output))
        }
        Err(error) => fail(&error, &output),
    }
}

fn fail(error: &anyhow::Error, output: &Output) -> ExitCode {
    if stop::is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    output.note(&format!("{error:#}"));
    stop::code_of(error)
}

fn start(cli: Cli, output: &Output) -> anyhow::Result<ExitCode> {
    let Cli { act, global } = cli;
    let command = match act {
        Some(Act::Run(Later(said))) => return Ok(run::run(&said, global.url, output)),
        Some(Act::Command(command)) => command,
        None => Command::Hotspots(Later::default()),
    };
    // One connection at a time: a current-thread runtime starts fastest.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the async runtime does not start")?;
    let code = runtime.block_on(answer(command, &global, output));
    // A name that is still being resolved must not keep the process.
    runtime.shutdown_background();
    code
}

async fn answer(command: Command, global: &Global, output: &Output) -> anyhow::Result<ExitCode> {
    check_format(&command, &global.formats, output.format)?;
    if command.asks() {
        outbox::send_first(global, output).await;
    }
    match command {
        Command::Hotspots(Later(said)) => return read::hotspots(*said, global, output).await,
        Command::Service(Later(said)) => return service::service(*said, output).await,
        Command::Backup(Later(said)) => return backup::backup(*said, global, output).await,
        Command::Restore(Later(said)) => return backup::restore(&said, output),
        Command::Doctor => return doctor::doctor(global, output).await,
        Command::Log(Later(said)) => log::log(*said, global, output).await,
        Command::Undo { id } => last::undo(id, global, output).await,
        Command::MeToo(Later(said)) => log::me_too(*said, global, output).await,
        Command::Session { step } => session::session(step, global, output).await,
        Command::Why(Later(said)) => read::why(*said, global, output).await,
        Command::Coverage(Later(said)) => read::coverage(&said, global, output).await,
        Command::Signals(Later(said)) => signals::signals(*said, global, output).await,
        Command::Show { id, raw } => read::show(&id, raw, global, output).await,
        Command::Events(Later(said)) => read::list(*said, global, output).await,
        Command::Tail(Later(said)) => tail::tail(&said, global, output).await,
        Command::Export(Later(filter)) => read::export(&filter, global, output).await,
        Command::Import { file } => import::import(&file, global, output).await,
        Command::Forget(Later(said)) => forget::forget(*said, global, output).await,
        Command::Dsn(Later(said)) => dsn::dsn(*said, global, output).await,
        Command::Snippet { place } => dsn::snippet(place, global, output).await,
        Command::Status => read::status(global, output).await,
        Command::Hook { shell } => hook::hook(shell, output),
        Command::Open => open::open(global, output).await,
        Command::Demo(Later(said)) => demo::demo(&said, output).await,
        Command::Completions { shell } => output.line(shell.script()),
        Command::Man { dir } => manual::man(dir.as_deref(), output),
        Command::Help { topic } => help::help(&topic, global.color, output),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses formats that contradict each other or that a command does not have.
fn check_format(command: &Command, said: &Formats, format: Format) -> anyhow::Result<()> {
    if 1 < usize::from(said.json) + usize::from(said.csv) + usize::from(said.markdown) {
        let message = "`--json`, `--csv` and `--markdown` exclude each other: say one";
        return Err(stop(Code::Usage, message));
    }
    let is_list = matches!(command, Command::Hotspots(_) | Command::Why(_) | Command::Events(_));
    if matches!(format, Format::Csv | Format::Markdown) && !is_list {
        let message =
            "`--csv` and `--markdown` are for hotspots, why and events: leave it out here";
        return Err(stop(Code::Usage, message));
    }
    Ok(())
}
