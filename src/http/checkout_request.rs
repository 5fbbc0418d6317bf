//! From JSON to a checkout that is valid in itself. Pure: who asks, and whether the plan or the place exist, is decided
//! elsewhere.
//!
//! Only what the delivery mode needs is read: `unit_id` in a direct checkout, or `location_hash` in a home drop, is
//! ignored like an unknown field, and makes no other request of it. While the mode itself is faulty neither of the two is
//! read, since nobody can say which is needed.

use super::fields::{Fault, Fields, Problem, location_hash, text, uuid};
use serde_json::Value;
use switchyard_actors::domain::ids::{PartnerId, PlanVersionId, UnitId};
use switchyard_actors::domain::request::{CheckoutKey, CheckoutRequest, DeliveryMode};
use switchyard_actors::domain::text::{ExternalSubscriptionId, MacAddress};

const PARTNER: &str = "service_provider_document_id";

/// The partner that a body names: read first, since its secret decides whether the rest is looked at.
///
/// # Errors
/// One fault, of the body or of `service_provider_document_id`.
pub fn parse_partner(body: &Value) -> Result<PartnerId, Vec<Fault>> {
    let mut fields = Fields::of(body)?;
    let partner = fields.required(PARTNER, uuid).map(PartnerId);
    fields.finish(partner)
}

/// The whole checkout.
///
/// # Errors
/// Every fault at once, in the order of the contract's table of fields.
pub fn parse_checkout(body: &Value) -> Result<CheckoutRequest, Vec<Fault>> {
    let mut fields = Fields::of(body)?;
    let partner = fields.required(PARTNER, uuid).map(PartnerId);
    let plan = fields.required("plan_version_id", uuid).map(PlanVersionId);
    let mode = parse_mode(&mut fields);
    let external = fields.required("external_subscription_id", external_subscription_id);
    let mac = fields.optional("mac_address", mac_address);
    let request = || {
        let key = CheckoutKey { partner: partner?, external: external? };
        Some(CheckoutRequest { key, plan: plan?, mode: mode?, mac: mac? })
    };
    let request = request();
    fields.finish(request)
}

enum ModeName {
    Direct,
    HomeDrop,
}

fn parse_mode(fields: &mut Fields<'_>) -> Option<DeliveryMode> {
    match fields.optional("delivery_mode", mode_name)?.unwrap_or(ModeName::Direct) {
        ModeName::Direct => {
            fields.needed("location_hash", location_hash).map(|location| DeliveryMode::Direct { location })
        }
        ModeName::HomeDrop => {
            fields.needed("unit_id", uuid).map(|unit| DeliveryMode::HomeDrop { unit: UnitId(unit) })
        }
    }
}

fn mode_name(value: &Value) -> Result<ModeName, Problem> {
    match value.as_str() {
        Some("direct") => Ok(ModeName::Direct),
        Some("home_drop") => Ok(ModeName::HomeDrop),
        _ => Err(Problem::new("enum", "Value must be 'direct' or 'home_drop'")),
    }
}

fn external_subscription_id(value: &Value) -> Result<ExternalSubscriptionId, Problem> {
    Ok(ExternalSubscriptionId::parse(text(value)?)?)
}

fn mac_address(value: &Value) -> Result<MacAddress, Problem> {
    Ok(MacAddress::parse(text(value)?)?)
}

#[cfg(test)]
mod tests {
    use super::super::bad_input::{self, Check};
    use super::super::body::parse_json;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn parsed(changes: &[(&str, Value)]) -> Result<CheckoutRequest, Vec<Fault>> {
        parse_checkout(&parse_json(&bad_input::body(changes)).expect("the table makes JSON"))
    }

    #[test]
    fn every_bad_body_of_the_table_gets_exactly_its_faults() {
        for row in bad_input::rows().into_iter().filter(|row| row.status == 422) {
            let body = parse_json(&row.body);
            let faults = match row.check {
                Check::Partner => body.and_then(|body| parse_partner(&body).map(drop)),
                _ => body.and_then(|body| parse_checkout(&body).map(drop)),
            }
            .expect_err(row.name);
            let seen: Vec<_> = faults.iter().map(|fault| (fault.loc.clone(), fault.slug)).collect();
            let wanted: Vec<_> = row.faults.iter().map(|(loc, slug)| (loc.to_vec(), *slug)).collect();
            assert_eq!(seen, wanted, "{}", row.name);
            assert!(faults.iter().all(|fault| !fault.msg.is_empty()), "{}", row.name);
        }
    }

    #[test]
    fn the_table_is_long_enough_to_mean_something_and_names_each_row_once() {
        let rows = bad_input::rows();
        let names: std::collections::HashSet<_> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
        assert!(rows.iter().filter(|row| row.status == 422).count() >= 60, "{}", rows.len());
    }

    #[test]
    fn a_body_that_passes_has_everything_in_its_place() {
        let request = parsed(&[("mac_address", json!("02-1A-2B-3C-4D-5E"))]).expect("valid");
        assert_eq!(request.key.partner.to_string(), bad_input::PARTNER);
        assert_eq!(request.plan.to_string(), bad_input::PLAN);
        assert_eq!(request.key.external.as_str(), "order-1");
        assert_eq!(request.mac.map(|mac| mac.to_string()).as_deref(), Some("02:1a:2b:3c:4d:5e"));
        assert!(
            matches!(request.mode, DeliveryMode::Direct { location } if location.to_string() == "ab12cd34ef")
        );
    }

    #[test]
    fn spellings_of_one_wish_are_one_request() {
        let upper = bad_input::PLAN.to_uppercase();
        let plain = parsed(&[]).expect("valid");
        for (name, changes) in [
            ("mode written out", vec![("delivery_mode", json!("direct"))]),
            ("null is absent", vec![("delivery_mode", Value::Null), ("mac_address", Value::Null)]),
            ("UUID in capitals", vec![("plan_version_id", json!(upper))]),
            ("hash in capitals", vec![("location_hash", json!("AB12CD34EF"))]),
            ("a field of the other mode", vec![("unit_id", json!("not a unit"))]),
            ("an unknown field", vec![("coupon", json!({"deep": [1, 2]}))]),
        ] {
            assert_eq!(parsed(&changes).expect(name).fingerprint(), plain.fingerprint(), "{name}");
        }
    }

    #[test]
    fn a_home_drop_needs_a_unit_and_no_location() {
        let changes = [("delivery_mode", json!("home_drop")), ("unit_id", json!(bad_input::PLAN))];
        let request = parsed(&changes).expect("valid");
        assert!(
            matches!(request.mode, DeliveryMode::HomeDrop { unit } if unit.to_string() == bad_input::PLAN)
        );
    }

    #[test]
    fn the_longest_external_id_passes_whatever_its_script() {
        for id in ["x".repeat(255), "é".repeat(255), "🛰".repeat(255), " ".into(), "a/b?c#d%00".into()] {
            assert_eq!(
                parsed(&[("external_subscription_id", json!(id))]).expect(&id).key.external.as_str(),
                id
            );
        }
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_one_counts() {
        let body = String::from_utf8(bad_input::body(&[])).expect("JSON is UTF-8");
        let twice = body.replacen('{', r#"{"external_subscription_id":7,"#, 1);
        assert!(parse_checkout(&parse_json(twice.as_bytes()).expect("JSON")).is_ok());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(body) = parse_json(&bytes) {
                let _ = parse_checkout(&body);
            }
        }

        #[test]
        fn whatever_stands_in_a_field_it_is_read_or_named(text in "\\PC*", field in 0..5usize) {
            let name = ["plan_version_id", "location_hash", "external_subscription_id", "mac_address", "delivery_mode"][field];
            match parsed(&[(name, json!(text))]) {
                Ok(_) => {}
                Err(faults) => {
                    prop_assert_eq!(faults.len(), 1);
                    prop_assert_eq!(&faults[0].loc, &vec!["body", name]);
                }
            }
        }
    }
}
