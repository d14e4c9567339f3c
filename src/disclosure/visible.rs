//! The visible part of a record under a plan. The only place that opens personal values.

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::plan::FieldPlan;
use super::sight::Sight;
use crate::vehicle::{Declaration, RecordView, Role, Stated, Witness};

/// The part of a facet that a plan shows. `is_keeper` is true if the stored keeper is the viewer.
pub(super) fn visible_part(
    record: &dyn RecordView,
    plan: &[FieldPlan],
    is_keeper: bool,
) -> Map<String, Value> {
    Viewing { is_keeper, day: None }.visible_part(record, plan)
}

/// The circumstances of one record's values.
#[derive(Clone, Copy)]
struct Viewing {
    /// True if the stored keeper is the viewer.
    is_keeper: bool,
    /// The day of the element that is looked at.
    day: Option<Date>,
}

impl Viewing {
    fn visible_part(self, record: &dyn RecordView, plan: &[FieldPlan]) -> Map<String, Value> {
        let (declarations, stated) = (record.declarations(), record.stated());
        let own_day = declarations.iter().zip(&stated).find_map(day_of);
        let inside = Self { day: own_day.or(self.day), ..self };
        let fields = declarations.iter().zip(stated).zip(plan);
        let visible = fields.filter_map(|((declaration, stated), plan)| {
            Some((declaration.name.to_owned(), inside.visible_field(&stated, plan)?))
        });
        visible.collect()
    }

    fn visible_field(self, stated: &Stated<'_>, plan: &FieldPlan) -> Option<Value> {
        match (stated, plan) {
            (Stated::Fact(fact), FieldPlan::Value { sight: Sight::Shown, .. }) => {
                Some(fact.to_json())
            }
            (Stated::Personal(value), FieldPlan::Value { sight, .. }) if self.opens(*sight) => {
                Some(value.open(&Witness::of_disclosure()))
            }
            (Stated::Record(record), FieldPlan::Record(plan)) => {
                let fields = self.visible_part(*record, plan);
                (!fields.is_empty()).then_some(Value::Object(fields))
            }
            (Stated::List(elements), FieldPlan::List { is_shown: true, element: plan }) => {
                // An element that shows nothing is there all the same: the number of elements is a
                // fact about the vehicle.
                let elements = elements.iter().map(|element| self.visible_part(*element, plan));
                Some(elements.map(Value::Object).collect())
            }
            _ => None,
        }
    }

    /// True if a personal value is shown.
    fn opens(self, sight: Sight) -> bool {
        match sight {
            Sight::Shown => true,
            Sight::Since(first) => self.day.is_some_and(|day| day >= first),
            Sight::OfKeeper => self.is_keeper,
            Sight::Withheld | Sight::Never => false,
        }
    }
}

/// The day that a field states of its element.
fn day_of((declaration, stated): (&Declaration, &Stated<'_>)) -> Option<Date> {
    let role = declaration.access.map(|access| access.role);
    match stated {
        Stated::Fact(fact) if role == Some(Role::DatesElement) => fact.as_date(),
        _ => None,
    }
}
