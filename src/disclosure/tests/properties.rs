//! Properties over all facets, rights and markets, with values at random.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::market::Facet;
use crate::vehicle::{Limits, declarations};

/// The markets of the repository, one that maps every field, and one that raises some.
static MARKETS: LazyLock<Vec<Market>> = LazyLock::new(|| {
    let raised = [
        ("identity.make", Tier::Member),
        ("recalls", Tier::Member),
        ("equipment.items.name", Tier::Owner),
        ("warranty.items.ends_on", Tier::Owner),
        ("valuation.range.high", Tier::Owner),
        ("energy.co2.value", Tier::Member),
        ("damage.reported", Tier::Owner),
        ("mileage", Tier::Owner),
    ];
    vec![
        market_of("de.toml", include_str!("../../../markets/de.toml")),
        market_of("fr.toml", include_str!("../../../markets/fr.toml")),
        market_of("gb.toml", include_str!("../../../markets/gb.toml")),
        market_of("us.toml", include_str!("../../../markets/us.toml")),
        market(&[]),
        market(&raised),
    ]
});

/// Every market with every right.
fn everybody() -> impl Iterator<Item = (&'static Market, Right)> {
    MARKETS.iter().flat_map(|market| rights().into_iter().map(move |right| (market, right)))
}

/// Rights of every kind, the lesser before the greater where one is.
fn rights() -> Vec<Right> {
    let owner = |since, keeper| Right::derived(Tier::Owner, since, keeper);
    let (early, late) = (Some(date(1990, 1, 1)), Some(SINCE));
    vec![
        Right::derived(Tier::Public, None, None),
        Right::derived(Tier::Member, None, None),
        owner(None, None),
        owner(late, None),
        owner(late, Some(hash("b"))),
        owner(late, Some(hash("a"))),
        owner(early, Some(hash("a"))),
    ]
}

fn value(kind: Kind, limits: Limits) -> BoxedStrategy<Value> {
    let day = (1980..2030_i16, 1..=12_i8, 1..=28_i8)
        .prop_map(|(year, month, day)| date(year, month, day).to_string());
    match kind {
        Kind::Text => "[a-zA-Z äöü<&\"]{1,12}".prop_map(Value::from).boxed(),
        Kind::Code(words) => select(words).prop_map(Value::from).boxed(),
        Kind::Integer => (limits.least..=limits.most).prop_map(Value::from).boxed(),
        Kind::Boolean => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Date => day.prop_map(Value::from).boxed(),
        Kind::Instant => day.prop_map(|day| json!(format!("{day}T08:00:00Z"))).boxed(),
        Kind::Quantity(unit) => (limits.least..=limits.most)
            .prop_map(move |number| json!({"value": number, "unit": unit}))
            .boxed(),
        Kind::Money => (0..100_000_i64)
            .prop_map(|amount| json!({"amount_minor": amount, "currency": "EUR"}))
            .boxed(),
    }
}

fn record(declarations: &'static [Declaration]) -> BoxedStrategy<Value> {
    let fields: Vec<_> = declarations
        .iter()
        .map(|field| {
            let content = match field.content {
                Content::Value(kind, limits) => value(kind, limits),
                Content::Record(inner) => record(inner),
                Content::List(element) => {
                    proptest::collection::vec(record(element), 0..4).prop_map(Value::from).boxed()
                }
            };
            let stated = content.prop_map(|value| Some((field.name.to_owned(), value))).boxed();
            if field.required { stated } else { prop_oneof![1 => Just(None), 3 => stated].boxed() }
        })
        .collect();
    fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect())).boxed()
}

/// Facets of a name, as mappings could fill them.
fn facet_of(name: FacetName) -> impl Strategy<Value = TypedFacet> {
    record(declarations(name))
        .prop_filter_map("of the type", move |mapped| typed(name, mapped).ok())
}

/// Two facets of one name.
fn pair() -> impl Strategy<Value = (TypedFacet, TypedFacet)> {
    select(FacetName::ALL).prop_flat_map(|name| (facet_of(name), facet_of(name)))
}

/// Any JSON.
fn tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}".prop_map(Value::from),
    ];
    let keys = "items|make|vin|range|low|value|unit|amount_minor|performed_on|plate|[a-z_]{0,9}";
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map(keys, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The leaves of a value with their places, list indices and all.
fn leaves(value: &Value) -> Vec<(String, Value)> {
    fn add(value: &Value, place: &str, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, field)| add(field, &format!("{place}/{name}"), out));
            }
            Value::Array(elements) => {
                let elements = elements.iter().enumerate();
                elements.for_each(|(at, element)| add(element, &format!("{place}/{at}"), out));
            }
            leaf => out.push((place.to_owned(), leaf.clone())),
        }
    }
    let mut out = Vec::new();
    add(value, "", &mut out);
    out
}

/// The field of a leaf's place: `/items/0/mileage/unit` is `items.mileage`.
fn field_of(name: FacetName, place: &str) -> &'static Field {
    let parts = place.split('/').filter(|part| !part.is_empty() && part.parse::<usize>().is_err());
    let path = parts.collect::<Vec<_>>().join(".");
    fields(name).iter().find(|field| field.names(&path)).expect("a leaf of the table")
}

/// The value without the fields that a tier does not see; `None` where the type asks for one, or
/// derives from one what the tier does see.
fn without_unseen(facet: &TypedFacet, tier: Tier, market: &Market) -> Option<TypedFacet> {
    fn strip(value: &mut Value, path: &str, is_unseen: &dyn Fn(&str) -> bool) {
        match value {
            Value::Object(fields) => {
                let below = |name: &str| match path {
                    "" => name.to_owned(),
                    path => format!("{path}.{name}"),
                };
                fields.retain(|name, _| !is_unseen(&below(name)));
                fields.iter_mut().for_each(|(name, field)| strip(field, &below(name), is_unseen));
            }
            Value::Array(elements) => {
                for element in elements {
                    strip(element, path, is_unseen);
                }
            }
            _ => {}
        }
    }
    let name = facet.name();
    let is_unseen = |path: &str| {
        fields(name).iter().any(|field| field.is_below(path))
            && field_tier(name, path, market) > tier
    };
    let mut value = to_json(facet);
    strip(&mut value, "", &is_unseen);
    typed(name, value.clone()).ok().filter(|poorer| to_json(poorer) == value)
}

/// True if the market maps a field, in a way that leaves no doubt.
fn is_surely_mapped(described: &Facet, name: FacetName, field: &Field) -> bool {
    let has_each = described.each.is_some();
    shape(name).fields(has_each).contains(field) && described.map.contains_key(field.name)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Monotone: a greater right sees the same leaves and more.
    #[test]
    fn a_greater_right_sees_no_less((facet, _) in pair()) {
        for market in MARKETS.iter() {
            let seen: Vec<_> = rights()
                .iter()
                .map(|right| leaves(&project(&facet, right, market).value))
                .collect();
            for pair in seen.windows(2) {
                prop_assert!(pair[0].iter().all(|leaf| pair[1].contains(leaf)), "{facet:?}");
            }
        }
    }

    /// Default deny, and personal values: every leaf that is seen is declared, at or below the
    /// right's tier, and a personal one is the holder's.
    #[test]
    fn every_leaf_that_is_seen_may_be_seen((facet, _) in pair()) {
        let (name, whole) = (facet.name(), to_json(&facet));
        for (market, right) in everybody() {
            for (place, leaf) in leaves(&project(&facet, &right, market).value) {
                prop_assert_eq!(whole.pointer(&place).is_some(), true);
                let field = field_of(name, &place);
                let needed = tier_of(name, field, &market.disclosure).expect("declared");
                prop_assert!(needed <= right.tier(), "{place} {leaf} {right:?}");
                if !field.is_personal() {
                    continue;
                }
                let since = right.since().expect("the right opens personal values");
                if field.role() == Role::OfKeeper {
                    prop_assert_eq!(right.keeper(), Some(&hash("a")));
                }
                if let Some(element) = place.strip_prefix("/items/").and_then(|p| p.split('/').next())
                {
                    let element = &whole["items"][element.parse::<usize>().expect("an index")];
                    let days = ["performed_on", "occurred_on"].map(|day| element[day].as_str());
                    let day = days.into_iter().flatten().next().expect("a day");
                    prop_assert!(day.parse::<Date>().expect("a day") >= since, "{place}");
                }
            }
        }
    }

    /// The names of withheld fields and the whole document of a lower tier say nothing of values.
    #[test]
    fn what_is_withheld_says_nothing_of_values((one, other) in pair()) {
        for (market, right) in everybody() {
            let (seen, of_other) = (project(&one, &right, market), project(&other, &right, market));
            prop_assert_eq!(&seen.withheld, &of_other.withheld);
            for (place, _) in leaves(&seen.value) {
                let path = field_of(one.name(), &place).path;
                prop_assert!(
                    !seen.withheld.iter().any(|name| path.strip_prefix(name.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))),
                    "{path} is both there and withheld"
                );
            }
        }
    }

    /// A car without the values that a tier does not see looks the same at that tier: no damage and
    /// no entries like much of them.
    #[test]
    fn cars_with_and_without_look_the_same((facet, _) in pair()) {
        for market in MARKETS.iter() {
            for tier in [Tier::Public, Tier::Member] {
                let Some(poorer) = without_unseen(&facet, tier, market) else { continue };
                prop_assert_eq!(
                    project(&facet, &right(tier), market),
                    project(&poorer, &right(tier), market)
                );
            }
        }
    }

    /// Total: whatever an origin states is a facet or an error, and a facet projects.
    #[test]
    fn never_panics(mapped in tree()) {
        for name in FacetName::ALL {
            let Ok(facet) = typed(*name, mapped.clone()) else { continue };
            for right in rights() {
                let seen = project(&facet, &right, &MARKETS[0]);
                prop_assert!(seen.value.is_object());
            }
        }
    }

    /// The whole facet is sealed.
    #[test]
    fn the_plaintext_is_the_facet((facet, _) in pair()) {
        let again = typed(facet.name(), to_json(&facet)).expect("of the type");
        prop_assert_eq!(to_json(&again), to_json(&facet));
    }
}

#[test]
fn each_mapped_field_is_seen_or_withheld() {
    for (market, right) in everybody() {
        for (name, described) in &market.facets {
            let seen = project(&full(*name), &right, market);
            let shown = leaves(&seen.value);
            let mapped = fields(*name).iter();
            for field in mapped.filter(|field| is_surely_mapped(described, *name, field)) {
                let is_shown =
                    shown.iter().any(|(place, _)| field_of(*name, place).path == field.path);
                let is_withheld = seen.withheld.iter().any(|name| field.is_below(name));
                // Those of another keeper are neither: the right names a keeper.
                let is_others = field.role() == Role::OfKeeper && right.keeper().is_some();
                assert!(is_shown || is_withheld || is_others, "{name}.{} {right:?}", field.path);
            }
        }
    }
}
