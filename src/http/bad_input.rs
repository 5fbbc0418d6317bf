//! Bad checkouts, as data: what is sent, and what must come back. The parser's unit test runs over it, and so can any
//! test that sends the rows over HTTP.
//!
//! Rows of [`Check::Fields`] and [`Check::SecretWrong`] presuppose a partner [`PARTNER`] whose secret is [`SECRET`].

use serde_json::{Map, Value, json};

/// The partner that the rows name.
pub const PARTNER: &str = "8b0c6a1e-5f0e-4c47-9a39-0d3c7e1f2a10";
/// Its secret.
pub const SECRET: &str = "whsec_of_the_bad_input_table";
/// A plan version that the rows name.
pub const PLAN: &str = "3f2504e0-4f89-41d3-9a0c-0305e82c3301";

/// Which check of the contract's table answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// 2: the body is too long.
    BodySize,
    /// 3: no secret.
    SecretMissing,
    /// 4: no JSON, or no usable partner.
    Partner,
    /// 5: not this partner's secret, or no such partner.
    SecretWrong,
    /// 6: every other fault.
    Fields,
}

/// Where a fault is, and its slug.
pub type ExpectedFault = (&'static [&'static str], &'static str);

/// One row.
#[derive(Debug, Clone)]
pub struct BadInput {
    /// What is bad about it.
    pub name: &'static str,
    /// Which check answers.
    pub check: Check,
    /// The request's headers.
    pub headers: Vec<(&'static str, &'static str)>,
    /// The request's body, as bytes.
    pub body: Vec<u8>,
    /// The answer's status.
    pub status: u16,
    /// The answer's faults, in order; none when its `detail` is a text.
    pub faults: Vec<ExpectedFault>,
}

/// A good direct checkout with changes.
#[must_use]
pub fn body(changes: &[(&str, Value)]) -> Vec<u8> {
    let mut fields = good();
    fields.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    Value::Object(fields).to_string().into_bytes()
}

/// A good direct checkout without some fields.
#[must_use]
pub fn body_without(names: &[&str]) -> Vec<u8> {
    let mut fields = good();
    fields.retain(|name, _| !names.contains(&name.as_str()));
    Value::Object(fields).to_string().into_bytes()
}

fn good() -> Map<String, Value> {
    let fields = json!({
        "service_provider_document_id": PARTNER,
        "plan_version_id": PLAN,
        "location_hash": "ab12cd34ef",
        "external_subscription_id": "order-1",
    });
    fields.as_object().expect("it is written as an object").clone()
}

/// The whole table.
#[must_use]
pub fn rows() -> Vec<BadInput> {
    let mut rows = early_rows();
    rows.extend(not_json());
    rows.extend(bad_partner());
    rows.extend(bad_uuids("plan_version_id", &[]));
    rows.extend(bad_uuids("unit_id", &[("delivery_mode", json!("home_drop"))]));
    rows.extend(bad_places());
    rows.extend(bad_external_ids());
    rows.extend(bad_macs());
    rows.extend(several_at_once());
    rows.extend(keys_that_stand_twice());
    rows.extend(other_content_types());
    rows
}

fn with_secret() -> Vec<(&'static str, &'static str)> {
    vec![("X-Webhook-Secret", SECRET), ("Content-Type", "application/json")]
}

fn early_rows() -> Vec<BadInput> {
    let row = |name, check, headers: &[_], body, status| BadInput {
        name,
        check,
        headers: headers.to_vec(),
        body,
        status,
        faults: Vec::new(),
    };
    let unknown = json!("00000000-0000-4000-8000-000000000000");
    vec![
        row("a body of a byte too much", Check::BodySize, &[], vec![b' '; 64 * 1024 + 1], 413),
        row("no secret", Check::SecretMissing, &[], body(&[]), 401),
        row("no secret, and no JSON either", Check::SecretMissing, &[], b"nonsense".to_vec(), 401),
        row("an empty secret", Check::SecretMissing, &[("X-Webhook-Secret", "")], body(&[]), 401),
        row("a wrong secret", Check::SecretWrong, &[("X-Webhook-Secret", "guess")], body(&[]), 401),
        row(
            "a wrong secret, and a bad field",
            Check::SecretWrong,
            &[("X-Webhook-Secret", "guess")],
            body(&[("mac_address", json!(1))]),
            401,
        ),
        row(
            "an unknown partner",
            Check::SecretWrong,
            &[("X-Webhook-Secret", SECRET)],
            body(&[("service_provider_document_id", unknown)]),
            401,
        ),
    ]
}

fn invalid(name: &'static str, check: Check, body: Vec<u8>, faults: &[ExpectedFault]) -> BadInput {
    BadInput { name, check, headers: with_secret(), body, status: 422, faults: faults.to_vec() }
}

fn not_json() -> Vec<BadInput> {
    let deep = |open: &str, close: &str| [open.repeat(10_000), close.repeat(10_000)].concat().into_bytes();
    let good = body(&[]);
    let cut = good[..good.len() - 1].to_vec();
    let bodies = [
        ("an empty body", Vec::new(), "json_invalid"),
        ("white space alone", b" \r\n\t".to_vec(), "json_invalid"),
        ("a word", b"nonsense".to_vec(), "json_invalid"),
        ("a form", b"plan_version_id=1&mac_address=2".to_vec(), "json_invalid"),
        ("an object cut short", cut, "json_invalid"),
        ("a byte order mark", [b"\xef\xbb\xbf", &good[..]].concat(), "json_invalid"),
        ("UTF-16", good.iter().flat_map(|byte| [*byte, 0]).collect(), "json_invalid"),
        ("bytes that are no UTF-8", b"{\"a\":\"\xff\xfe\"}".to_vec(), "json_invalid"),
        ("half a surrogate pair", br#"{"a":"\ud800"}"#.to_vec(), "json_invalid"),
        ("a bare control character", b"{\"a\":\"\x01\"}".to_vec(), "json_invalid"),
        ("a word after the object", [&good[..], b" done"].concat(), "json_invalid"),
        ("a NUL after the object", [&good[..], b"\0"].concat(), "json_invalid"),
        ("a checkout with half a surrogate pair", with_external_text(r"order-\udc00"), "json_invalid"),
        (
            "a checkout with a surrogate pair in the wrong order",
            with_external_text(r"\udc00\ud800"),
            "json_invalid",
        ),
        ("a checkout with a bare NUL", with_external_text("order-\0"), "json_invalid"),
        ("two values", [&good[..], b"{}"].concat(), "json_invalid"),
        ("a trailing comma", br#"{"a":1,}"#.to_vec(), "json_invalid"),
        ("single quotes", b"{'a':1}".to_vec(), "json_invalid"),
        ("a comment", b"{} // done".to_vec(), "json_invalid"),
        ("not a number", br#"{"a":NaN}"#.to_vec(), "json_invalid"),
        ("a number too big", br#"{"a":1e999}"#.to_vec(), "json_invalid"),
        ("lists in lists without end", deep("[", "]"), "json_invalid"),
        ("objects in objects without end", deep("{\"a\":", "}"), "json_invalid"),
        ("null", b"null".to_vec(), "dict_type"),
        ("true", b"true".to_vec(), "dict_type"),
        ("a number", b"17".to_vec(), "dict_type"),
        ("a string", br#""order-1""#.to_vec(), "dict_type"),
        ("a list of checkouts", [b"[", &good[..], b"]"].concat(), "dict_type"),
    ];
    let row = |(name, body, slug)| invalid(name, Check::Partner, body, &[(&["body"], slug)]);
    bodies.into_iter().map(row).collect()
}

/// A good direct checkout whose external id is written so, between the quotation marks.
fn with_external_text(text: &str) -> Vec<u8> {
    let whole = String::from_utf8(body(&[])).expect("JSON is UTF-8");
    whole.replace("\"order-1\"", &format!("\"{text}\"")).into_bytes()
}

/// A good direct checkout, and then one of its keys once more.
fn and_again(key: &str, value: &Value) -> Vec<u8> {
    let mut twice = body(&[]);
    twice.pop();
    twice.extend(format!(",\"{key}\":{value}}}").bytes());
    twice
}

/// The last one counts, as [`super::body`] says, whichever check it is for.
fn keys_that_stand_twice() -> Vec<BadInput> {
    const PARTNER_FIELD: &str = "service_provider_document_id";
    let twice = |name, check, key: &'static str, value, faults: &[ExpectedFault]| {
        invalid(name, check, and_again(key, &value), faults)
    };
    let stranger = json!("00000000-0000-4000-8000-000000000000");
    let fields = Check::Fields;
    vec![
        twice(
            "a second plan that is a word",
            fields,
            "plan_version_id",
            json!("x"),
            &[(&["body", "plan_version_id"], "uuid_parsing")],
        ),
        twice(
            "a second location that is null",
            fields,
            "location_hash",
            Value::Null,
            &[(&["body", "location_hash"], "missing")],
        ),
        twice(
            "a second external id that is a list",
            fields,
            "external_subscription_id",
            json!([]),
            &[(&["body", "external_subscription_id"], "string_type")],
        ),
        twice(
            "a second partner that is a word",
            Check::Partner,
            PARTNER_FIELD,
            json!("x"),
            &[(&["body", PARTNER_FIELD], "uuid_parsing")],
        ),
        BadInput {
            status: 401,
            ..twice("a second partner that is unknown", Check::SecretWrong, PARTNER_FIELD, stranger, &[])
        },
    ]
}

/// What a body claims to be changes nothing: JSON is read, and everything else isn't.
fn other_content_types() -> Vec<BadInput> {
    const PLAN_LOC: &[&str] = &["body", "plan_version_id"];
    let typed = |content_type, row: BadInput| BadInput {
        headers: [("X-Webhook-Secret", SECRET)].into_iter().chain(content_type).collect(),
        ..row
    };
    let bad_plan = |name| {
        invalid(name, Check::Fields, body(&[("plan_version_id", json!("x"))]), &[(PLAN_LOC, "uuid_parsing")])
    };
    let no_json =
        |name, body: &[u8]| invalid(name, Check::Partner, body.to_vec(), &[(&["body"], "json_invalid")]);
    let is = |content_type| Some(("Content-Type", content_type));
    let part = b"--x\r\nContent-Disposition: form-data; name=\"plan_version_id\"\r\n\r\n1\r\n--x--\r\n";
    vec![
        typed(None, bad_plan("a bad plan of no type")),
        typed(is("text/plain"), bad_plan("a bad plan as plain text")),
        typed(is("application/x-www-form-urlencoded"), bad_plan("a bad plan as a form")),
        typed(is("application/json; charset=utf-16"), bad_plan("a bad plan in another character set")),
        typed(is("nonsense"), bad_plan("a bad plan of a type that is none")),
        typed(is("application/x-www-form-urlencoded"), no_json("a form that says so", b"plan_version_id=1")),
        typed(is("multipart/form-data; boundary=x"), no_json("a form of parts", part)),
        typed(is("application/xml"), no_json("XML", b"<checkout/>")),
    ]
}

fn bad_partner() -> Vec<BadInput> {
    const FIELD: &str = "service_provider_document_id";
    let faulty = |name, value, slug| {
        invalid(name, Check::Partner, body(&[(FIELD, value)]), &[(&["body", FIELD], slug)])
    };
    vec![
        invalid("no partner", Check::Partner, body_without(&[FIELD]), &[(&["body", FIELD], "missing")]),
        invalid("an empty object", Check::Partner, b"{}".to_vec(), &[(&["body", FIELD], "missing")]),
        faulty("a partner that is null", Value::Null, "uuid_type"),
        faulty("a partner that is a number", json!(8), "uuid_type"),
        faulty("a partner that is a list", json!([PARTNER]), "uuid_type"),
        faulty("a partner that is empty", json!(""), "uuid_parsing"),
        faulty("a partner that is a word", json!("fibre-one"), "uuid_parsing"),
        faulty("a partner without hyphens", json!(PARTNER.replace('-', "")), "uuid_parsing"),
        faulty("a partner with a space", json!(format!("{PARTNER} ")), "uuid_parsing"),
        // Its other faults wait until it is known who asks.
        invalid(
            "a bad partner and a bad plan",
            Check::Partner,
            body(&[(FIELD, json!("x")), ("plan_version_id", json!("y"))]),
            &[(&["body", FIELD], "uuid_parsing")],
        ),
    ]
}

/// Every way to get a UUID wrong, for a field that needs one.
fn bad_uuids(field: &'static str, also: &[(&str, Value)]) -> Vec<BadInput> {
    let plan = field == "plan_version_id";
    let loc: &'static [&'static str] = if plan { &["body", "plan_version_id"] } else { &["body", "unit_id"] };
    let name = |plan_name, unit_name| if plan { plan_name } else { unit_name };
    let faulty = |name, value: Value, slug| {
        let changes: Vec<_> = also.iter().cloned().chain([(field, value)]).collect();
        invalid(name, Check::Fields, body(&changes), &[(loc, slug)])
    };
    let without = || {
        let mut fields: Map<String, Value> = good();
        fields.extend(also.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        fields.remove(field);
        Value::Object(fields).to_string().into_bytes()
    };
    // A plan is always required, so its null is a fault of type; a unit's null is an absent unit.
    let null = if plan { "uuid_type" } else { "missing" };
    vec![
        invalid(name("no plan", "no unit"), Check::Fields, without(), &[(loc, "missing")]),
        faulty(name("a null plan", "a null unit"), Value::Null, null),
        faulty(name("a plan number", "a unit number"), json!(1), "uuid_type"),
        faulty(name("a plan object", "a unit object"), json!({"id": PLAN}), "uuid_type"),
        faulty(name("an empty plan", "an empty unit"), json!(""), "uuid_parsing"),
        faulty(name("a bare plan", "a bare unit"), json!(PLAN.replace('-', "")), "uuid_parsing"),
        faulty(name("a braced plan", "a braced unit"), json!(format!("{{{PLAN}}}")), "uuid_parsing"),
        faulty(name("a URN plan", "a URN unit"), json!(format!("urn:uuid:{PLAN}")), "uuid_parsing"),
        faulty(name("a plan with a G", "a unit with a G"), json!(PLAN.replace('f', "g")), "uuid_parsing"),
        faulty(name("a plan and a digit", "a unit and a digit"), json!(format!("{PLAN}0")), "uuid_parsing"),
        faulty(name("a plan a digit short", "a unit a digit short"), json!(PLAN[..35]), "uuid_parsing"),
    ]
}

fn bad_places() -> Vec<BadInput> {
    const HASH: &[&str] = &["body", "location_hash"];
    const MODE: &[&str] = &["body", "delivery_mode"];
    let hash =
        |name, value, slug| invalid(name, Check::Fields, body(&[("location_hash", value)]), &[(HASH, slug)]);
    let mode =
        |name, value| invalid(name, Check::Fields, body(&[("delivery_mode", value)]), &[(MODE, "enum")]);
    vec![
        invalid("no location", Check::Fields, body_without(&["location_hash"]), &[(HASH, "missing")]),
        hash("a null location", Value::Null, "missing"),
        hash("a location number", json!(1_234_567_890), "string_type"),
        hash("an empty location", json!(""), "string_pattern_mismatch"),
        hash("a location of 9 characters", json!("ab12cd34e"), "string_pattern_mismatch"),
        hash("a location of 11 characters", json!("ab12cd34eff"), "string_pattern_mismatch"),
        hash("a location with a G", json!("ab12cd34eg"), "string_pattern_mismatch"),
        hash("a location with a prefix", json!("0xab12cd34"), "string_pattern_mismatch"),
        hash("a location with a space", json!(" ab12cd34e"), "string_pattern_mismatch"),
        hash("a location in full-width digits", json!("１２３４５６７８９０"), "string_pattern_mismatch"),
        mode("a mode that is none", json!("pickup")),
        mode("a mode in capitals", json!("DIRECT")),
        mode("an empty mode", json!("")),
        mode("a mode number", json!(0)),
        mode("a mode that is false", json!(false)),
        // Which place is needed hangs on the mode, so neither is judged.
        invalid(
            "a bad mode and a bad location",
            Check::Fields,
            body(&[("delivery_mode", json!("air")), ("location_hash", json!("x"))]),
            &[(MODE, "enum")],
        ),
    ]
}

fn bad_external_ids() -> Vec<BadInput> {
    const FIELD: &str = "external_subscription_id";
    const LOC: &[&str] = &["body", FIELD];
    let faulty = |name, value, slug| invalid(name, Check::Fields, body(&[(FIELD, value)]), &[(LOC, slug)]);
    vec![
        invalid("no external id", Check::Fields, body_without(&[FIELD]), &[(LOC, "missing")]),
        faulty("a null external id", Value::Null, "string_type"),
        faulty("an external id number", json!(42), "string_type"),
        faulty("an external id list", json!(["order-1"]), "string_type"),
        faulty("an empty external id", json!(""), "string_too_short"),
        faulty("an external id of 256 characters", json!("x".repeat(256)), "string_too_long"),
        faulty("an external id of 256 two-byte characters", json!("é".repeat(256)), "string_too_long"),
        faulty("an external id with a line feed", json!("order\n1"), "value_error"),
        faulty("an external id with a NUL", json!("order\u{0}"), "value_error"),
        faulty("an external id with a delete", json!("order\u{7f}"), "value_error"),
        faulty("an external id with a C1 control", json!("order\u{85}"), "value_error"),
    ]
}

fn bad_macs() -> Vec<BadInput> {
    let faulty = |name, value, slug| {
        let changes = [("mac_address", value)];
        invalid(name, Check::Fields, body(&changes), &[(&["body", "mac_address"], slug)])
    };
    vec![
        faulty("a MAC number", json!(0x021a_2b3c_4d5e_u64), "string_type"),
        faulty("a MAC list", json!([2, 26, 43, 60, 77, 94]), "string_type"),
        faulty("an empty MAC", json!(""), "value_error"),
        faulty("a MAC a byte short", json!("02:1a:2b:3c:4d"), "value_error"),
        faulty("a MAC a byte long", json!("02:1a:2b:3c:4d:5e:6f"), "value_error"),
        faulty("a MAC of mixed separators", json!("02:1a-2b:3c:4d:5e"), "value_error"),
        faulty("a MAC with a G", json!("02:1a:2b:3c:4d:5g"), "value_error"),
        faulty("a MAC with a space", json!("02:1a:2b:3c:4d:5e "), "value_error"),
        faulty("a broadcast MAC", json!("FF:FF:FF:FF:FF:FF"), "value_error"),
        faulty("a multicast MAC", json!("01-00-5e-00-00-01"), "value_error"),
        faulty("an all-zero MAC", json!("0000.0000.0000"), "value_error"),
    ]
}

fn several_at_once() -> Vec<BadInput> {
    let partner_alone = json!({ "service_provider_document_id": PARTNER }).to_string().into_bytes();
    let all_wrong = body(&[
        ("plan_version_id", json!(1)),
        ("location_hash", json!("x")),
        ("external_subscription_id", json!("")),
        ("mac_address", json!("x")),
    ]);
    vec![
        invalid(
            "a partner and nothing else",
            Check::Fields,
            partner_alone,
            &[
                (&["body", "plan_version_id"], "missing"),
                (&["body", "location_hash"], "missing"),
                (&["body", "external_subscription_id"], "missing"),
            ],
        ),
        invalid(
            "every field wrong",
            Check::Fields,
            all_wrong,
            &[
                (&["body", "plan_version_id"], "uuid_type"),
                (&["body", "location_hash"], "string_pattern_mismatch"),
                (&["body", "external_subscription_id"], "string_too_short"),
                (&["body", "mac_address"], "value_error"),
            ],
        ),
    ]
}
