//! What a person sees: colours on a terminal, plain text in a pipe, nothing but JSON when a machine asks.

#![allow(clippy::print_stdout)] // telling is what this module is for

use super::Options;
use super::client::Checkout;
use super::report::Report;
use super::world::World;
use crate::simulator::receiver::Delivery;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use owo_colors::{OwoColorize, Style};

/// Whether to use colour.
#[derive(Debug, Clone, Copy)]
pub struct Paint(bool);

impl Paint {
    /// With colour, or without.
    #[must_use]
    pub fn new(colour: bool) -> Self {
        Self(colour && std::env::var_os("NO_COLOR").is_none())
    }

    fn with(self, text: &str, style: Style) -> String {
        if self.0 { text.style(style).to_string() } else { text.to_owned() }
    }

    fn heading(self, text: &str) -> String {
        self.with(text, Style::new().bold().cyan())
    }

    fn dim(self, text: &str) -> String {
        self.with(text, Style::new().dimmed())
    }

    fn good(self, text: &str) -> String {
        self.with(text, Style::new().green().bold())
    }

    fn bad(self, text: &str) -> String {
        self.with(text, Style::new().red().bold())
    }
}

/// The teller.
pub struct Story {
    paint: Paint,
    silent: bool,
}

/// Live progress, on a terminal only.
#[must_use]
pub fn progress(options: &Options) -> ProgressBar {
    let bar = ProgressBar::new(options.checkouts as u64);
    if options.json {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("  {bar:40.cyan} {pos}/{len} lines live, {elapsed}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Story {
    /// One that tells, or keeps silent.
    #[must_use]
    pub fn new(paint: Paint, silent: bool) -> Self {
        Self { paint, silent }
    }

    fn say(&self, line: &str) {
        if !self.silent {
            println!("{line}");
        }
    }

    fn indented(&self, text: &str) {
        text.lines().for_each(|line| self.say(&format!("    {line}")));
    }

    /// What is running.
    pub fn opening(&self, world: &World, options: &Options) {
        self.say(&self.paint.heading("Switchyard demo"));
        self.say(&format!(
            "  {} simulated switches (Cisco IOS and Arista EOS, real SSH), {} ports each",
            options.switches,
            world.ports_a_switch()
        ));
        self.say(&format!(
            "  the service on {}, its store in {}",
            world.base_url(),
            world.folder().display()
        ));
        self.say(&format!("  a webhook receiver on {}\n", world.receiver.url()));
    }

    /// The partner's call.
    pub fn request(&self, world: &World, body: &str) {
        self.say(&self.paint.heading("1  The partner has the payment, and makes one call"));
        self.say("    POST /api/v1/partner/external-checkout/anonymous-complete");
        self.say(&self.paint.dim("    X-Webhook-Secret: (the partner's)"));
        self.indented(body);
        let (switch, port) = world.place(0);
        self.say(&self.paint.dim(&format!("    the location stands for {switch} {port}\n")));
    }

    /// The service's answer.
    pub fn answer(&self, checkout: &Checkout) {
        let took = checkout.answered_in.as_secs_f64() * 1_000.0;
        self.say(&self.paint.heading("2  It is on disk, so the answer is yes"));
        self.say(&format!("    200 after {took:.1} ms"));
        self.indented(&checkout.answer);
        self.say("");
    }

    /// What was said to the switch, and what it said.
    pub async fn dialog(&self, world: &World, checkout: &Checkout) {
        self.say(&self.paint.heading("3  The switch is configured over SSH, and read back"));
        let (switch, _) = world.place(0);
        match world.application.transcript(&switch, &checkout.job_id).await {
            Some(text) => {
                for line in text.lines().filter(|line| !line.trim().is_empty()) {
                    let line =
                        if line.starts_with('>') { self.paint.good(line) } else { self.paint.dim(line) };
                    self.say(&format!("    {line}"));
                }
            }
            None => self.say("    (no transcript)"),
        }
        self.say("");
    }

    /// A webhook as it arrived.
    pub fn webhook(&self, number: &str, delivery: &Delivery) {
        let event = delivery.event().unwrap_or("?");
        self.say(&self.paint.heading(&format!("{number} The partner is told: {event}")));
        self.say(&self.paint.dim(&format!("    X-Webhook-Id: {}", delivery.webhook_id().unwrap_or("?"))));
        self.say(&self.paint.dim(&format!(
            "    X-Webhook-Signature: {}",
            delivery.header("x-webhook-signature").unwrap_or("?")
        )));
        self.indented(&String::from_utf8_lossy(&delivery.body));
        let verdict = if delivery.signature.is_valid() {
            self.paint.good("verified")
        } else {
            self.paint.bad("NOT verified")
        };
        self.say(&format!("    signature: {verdict}\n"));
    }

    /// The same call again.
    pub fn replay(&self, first: &Checkout, again: &Checkout) {
        self.say(&self.paint.heading("5  The same call again: the same bytes, and nothing runs twice"));
        let same =
            if first.answer == again.answer { self.paint.good("identical") } else { self.paint.bad("OTHER") };
        let header =
            if again.replayed { "Idempotency-Replayed: true" } else { "no Idempotency-Replayed header" };
        self.say(&format!("    200, {header}, body {same}\n"));
        self.say(
            &self.paint.heading("6  The other checkouts, and a switch that loses its power in the middle"),
        );
    }

    /// The figures, and what held.
    pub fn closing(&self, report: &Report) {
        if self.silent {
            println!("{}", report.to_json());
            return;
        }
        for (name, value) in report.rows() {
            self.say(&format!("    {name:<44}{value:>16}"));
        }
        self.say("");
        for (claim, held) in report.claims() {
            let verdict = if *held { self.paint.good("yes") } else { self.paint.bad("NO ") };
            self.say(&format!("    {verdict}  {claim}"));
        }
        self.say("");
    }

    /// How to go on by hand.
    pub fn serving(&self, world: &World) {
        let body = world.checkout_body(0, true);
        println!(
            "Still running. Try it (this repeats the first checkout; change a field and see), and end with Ctrl-C:\n"
        );
        println!(
            "curl -i {}/api/v1/partner/external-checkout/anonymous-complete \\\n  -H 'X-Webhook-Secret: {}' \\\n  \
             -H 'Content-Type: application/json' \\\n  -d '{body}'\n",
            world.base_url(),
            world.secret()
        );
    }
}
