//! What signing a webhook costs, beside the hash that it can't do without.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use switchyard::webhook::signature::sign;
use switchyard_actors::domain::text::Secret;

const BODY_BYTES: usize = 300;

fn signature(c: &mut Criterion) {
    let secret = Secret::new("whsec_0123456789abcdef0123456789abcdef");
    let body = vec![b'x'; BODY_BYTES];
    let mut group = c.benchmark_group("signature");
    group.throughput(Throughput::Bytes(BODY_BYTES as u64));
    group.bench_function("baseline: bare SHA-256", |b| b.iter(|| Sha256::digest(black_box(&body))));
    group.bench_function("sign", |b| b.iter(|| sign(black_box(&secret), black_box(&body))));
    group.finish();
}

criterion_group!(benches, signature);
criterion_main!(benches);
