//! The binary: reads the command line and runs what it names.

use anyhow::Context as _;
use clap::Parser;
use std::process::ExitCode;
use switchyard::cli::{
    Cli, Command, InventoryAction, PlatformAction, ServeArgs, StoreAction, SwitchAction, TortureArgs,
};
use switchyard::commands;
use switchyard::config::Config;
use switchyard::signals::StopSignal;
use switchyard::startup::Application;
use switchyard::{demo, telemetry};

fn main() -> ExitCode {
    #[cfg(feature = "fail-points")]
    switchyard::fault_orders::obey_environment();
    let cli = Cli::parse();
    match actix_rt::System::new().block_on(run(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            commands::complain(&error);
            commands::exit_code(&error)
        }
    }
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(args) => serve(args).await?,
        Command::Inventory { action: InventoryAction::Apply(args) } => {
            commands::apply_inventory(args).await?
        }
        Command::Store { action: StoreAction::Export(args) } => commands::store::export(args).await?,
        Command::Store { action: StoreAction::Import(args) } => commands::store::import(args).await?,
        Command::CheckConfig(args) => commands::check_config(&args).await?,
        Command::Platform { action: PlatformAction::Test(args) } => commands::platform::test(&args)?,
        Command::Switches(args) => commands::list_switches(args).await?,
        Command::Check(args) => commands::check(args).await?,
        Command::Drift(args) => commands::list_drift(args).await?,
        Command::Switch { action: SwitchAction::Log(args) } => commands::switch_log(args).await?,
        Command::Release(args) => commands::release(args).await?,
        Command::DeadLetters(args) => commands::dead_letters(args).await?,
        Command::Simulate(args) => commands::simulate::run(args).await?,
        Command::Torture(args) => return torture(args).await,
        Command::ApiKey { sandbox } => commands::new_api_key(sandbox),
        Command::Demo(args) => {
            let options = demo::Options {
                checkouts: args.checkouts,
                switches: args.switches,
                serve: args.serve,
                json: args.json,
            };
            return demo::run(options).await;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "fail-points")]
async fn torture(args: TortureArgs) -> anyhow::Result<ExitCode> {
    switchyard::torture::run(&args).await
}

#[cfg(not(feature = "fail-points"))]
async fn torture(_: TortureArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!(
        "this build can't be tortured; one that can is made by `cargo build --release --features fail-points`"
    )
}

/// Serves until SIGTERM or Ctrl-C, then comes to a safe point; a second signal ends at once, also while it starts.
async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let config = Config::load(args.config.as_deref())?;
    telemetry::start(&config.log)?;
    let mut stop = StopSignal::listen().context("listening for SIGTERM and SIGINT")?;
    let prepared = tokio::select! {
        prepared = Application::prepare(config, args.inventory.as_deref()) => prepared?,
        () = stop.asked() => {
            tracing::info!("stopped before it served");
            return Ok(());
        }
    };
    let application = prepared.start().await?;
    stop.asked().await;
    tracing::info!("stopping; a second signal ends at once");
    application.stop().await;
    Ok(())
}
