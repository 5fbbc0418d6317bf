//! How fast a switch's output is looked through for the prompt behind it, beside a bare search of the same bytes for the frame.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use memchr::memmem;
use std::hint::black_box;
use switchyard::ssh::scanner::{Scanner, Seen};
use switchyard::ssh::{Platforms, Shell};

const PORTS: usize = 2_000;
const COMMENT: &str = "! 5f3759df0001";
const LINE: &str = "show running-config";

/// The running configuration of a large switch, and the prompt behind the comment's echo.
fn output() -> Vec<u8> {
    let port = |n: usize| {
        format!(
            "interface GigabitEthernet1/0/{n}\r\n description flat {n}, second floor#\r\n switchport access vlan 142\r\n \
             switchport mode access\r\n switchport port-security maximum 1\r\n switchport port-security\r\n!\r\n"
        )
    };
    let ports: String = (0..PORTS).map(port).collect();
    format!("{LINE}\r\n{ports}end\r\n\r\nsw-17#{COMMENT}\r\nsw-17#").into_bytes()
}

fn scan(shell: &Shell, output: &[u8], piece_bytes: usize, scanner: &mut Scanner) -> Seen {
    scanner.begin(LINE, Some(COMMENT.to_owned()));
    let mut seen = Seen::Nothing;
    for piece in output.chunks(piece_bytes) {
        scanner.feed(piece);
        seen = scanner.look(shell, &[]);
    }
    seen
}

fn prompt_scanner(c: &mut Criterion) {
    let platforms = Platforms::load(None).expect("the built-in platforms");
    let platform = platforms.get("cisco_ios").expect("built in");
    let shell = platform.shell.as_ref().expect("it has a shell");
    let output = output();
    let mut group = c.benchmark_group("prompt_scanner");
    group.throughput(Throughput::Bytes(output.len() as u64));
    group.bench_function("baseline: memmem for the comment", |b| {
        b.iter(|| memmem::find(black_box(&output), COMMENT.as_bytes()).expect("it is there"));
    });
    for piece_bytes in [64, 1_024, 32_768] {
        let mut scanner = Scanner::new(4 << 20);
        group.bench_function(format!("pieces of {piece_bytes} bytes"), |b| {
            b.iter(|| {
                let seen = scan(shell, black_box(&output), piece_bytes, &mut scanner);
                assert_eq!(seen, Seen::Prompt);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, prompt_scanner);
criterion_main!(benches);
