//! Functions about domains: what lies below what, in columns and in lists
//!
//! - `is_within(domain, domains)`: whether the domain is one of these (a list, or one text), or lies below one.
//! - `any_within(list, domains)`: whether one of the list is or does.
//! - `all_within(list, domains)`: whether there are any, and all of them are or do.
//! - `has_signature(dkim, domain, result)`: whether one signature has a `d=` that is the domain or lies below it, and that
//!   result. What is null or empty does not matter; with the result `none`, whether there is no signature.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, BooleanArray, ListArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::expr_fn::SimpleScalarUDF;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Signature, Volatility};
use sekisho_core::search;

/// A function over arguments as they come.
type Body = fn(&[ColumnarValue], usize) -> Result<BooleanArray>;

/// Returns the functions.
pub(super) fn all() -> Vec<ScalarUDF> {
    vec![
        function("is_within", 2, is_within),
        function("any_within", 2, any_within),
        function("all_within", 2, all_within),
        function("has_signature", 3, has_signature),
    ]
}

/// Returns a function that says yes or no, as SQL knows it.
fn function(name: &str, takes: usize, body: Body) -> ScalarUDF {
    let rows_of = move |args: &[ColumnarValue]| {
        let rows =
            args.iter().find_map(|arg| if let ColumnarValue::Array(rows) = arg { Some(rows.len()) } else { None });
        let said = body(args, rows.unwrap_or(1))?;
        match rows {
            Some(_) => Ok(ColumnarValue::Array(Arc::new(said))),
            None => Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&said, 0)?)),
        }
    };
    let signature = Signature::any(takes, Volatility::Immutable);
    SimpleScalarUDF::new_with_signature(name, signature, DataType::Boolean, Arc::new(rows_of)).into()
}

/// `is_within(domain, domains)`.
fn is_within(args: &[ColumnarValue], rows: usize) -> Result<BooleanArray> {
    let (domains, scopes) = (texts(&args[0], rows)?, Scopes::read(&args[1])?);
    Ok(domains.iter().enumerate().map(|(row, domain)| Some(covers(scopes.at(row)?, domain?))).collect())
}

/// `any_within(list, domains)`.
fn any_within(args: &[ColumnarValue], rows: usize) -> Result<BooleanArray> {
    let (lists, scopes) = (lists(&args[0], rows)?, Scopes::read(&args[1])?);
    let say = |(row, list): (usize, Option<Arc<dyn Array>>)| {
        let (list, scope) = (list?, scopes.at(row)?);
        Some(list.as_string::<i32>().iter().flatten().any(|domain| covers(scope, domain)))
    };
    Ok(lists.iter().enumerate().map(say).collect())
}

/// `all_within(list, domains)`.
fn all_within(args: &[ColumnarValue], rows: usize) -> Result<BooleanArray> {
    let (lists, scopes) = (lists(&args[0], rows)?, Scopes::read(&args[1])?);
    let say = |(row, list): (usize, Option<Arc<dyn Array>>)| {
        let (list, scope) = (list?, scopes.at(row)?);
        let mut each = list.as_string::<i32>().iter();
        Some(!list.is_empty() && each.all(|domain| domain.is_some_and(|domain| covers(scope, domain))))
    };
    Ok(lists.iter().enumerate().map(say).collect())
}

/// `has_signature(dkim, domain, result)`.
fn has_signature(args: &[ColumnarValue], rows: usize) -> Result<BooleanArray> {
    let (wanted, results) = (texts(&args[1], rows)?, texts(&args[2], rows)?);
    let lists = args[0].to_array(rows)?;
    let Some(lists) = lists.as_list_opt::<i32>() else { return exec_err!("has_signature asks a list of signatures") };
    let column = |name| {
        let signatures = lists.values().as_struct_opt().and_then(|signatures| signatures.column_by_name(name));
        signatures.map_or_else(|| exec_err!("a signature has a {name}"), |column| Ok(cast(column, &DataType::Utf8)?))
    };
    let (domains, found) = (column("domain")?, column("result")?);
    let (domains, found) = (domains.as_string::<i32>(), found.as_string::<i32>());
    let offset =
        |at: usize| lists.value_offsets().get(at).and_then(|offset| usize::try_from(*offset).ok()).unwrap_or(0);
    let say = |row: usize| {
        let (wanted, result) = (given(&wanted, row), given(&results, row));
        let (from, to) = (offset(row), offset(row + 1));
        if result == Some("none") {
            return from == to && wanted.is_none();
        }
        let fits = |at: usize| {
            result.is_none_or(|result| given(found, at) == Some(result))
                && wanted.is_none_or(|wanted| given(domains, at).is_some_and(|name| search::is_within(name, wanted)))
        };
        (wanted.is_none() && result.is_none()) || (from..to).any(fits)
    };
    Ok((0..rows).map(|row| lists.is_valid(row).then(|| say(row))).collect())
}

/// Returns the text of a row, where there is one.
fn given(texts: &StringArray, row: usize) -> Option<&str> {
    texts.is_valid(row).then(|| texts.value(row)).filter(|text| !text.is_empty())
}

/// Returns whether a domain is one of these, or lies below one.
fn covers(scope: &[String], domain: &str) -> bool {
    scope.iter().any(|other| search::is_within(domain, other))
}

/// Returns an argument as texts.
fn texts(arg: &ColumnarValue, rows: usize) -> Result<StringArray> {
    Ok(cast(&arg.to_array(rows)?, &DataType::Utf8)?.as_string::<i32>().clone())
}

/// Returns an argument as lists of texts.
fn lists(arg: &ColumnarValue, rows: usize) -> Result<ListArray> {
    Ok(cast(&arg.to_array(rows)?, &DataType::new_list(DataType::Utf8, true))?.as_list::<i32>().clone())
}

/// The domains that rows are held against: nearly always the same for all, and then read once.
struct Scopes(Vec<Option<Vec<String>>>);

impl Scopes {
    /// Reads lists, or texts as lists of one.
    fn read(arg: &ColumnarValue) -> Result<Self> {
        let rows = if let ColumnarValue::Array(rows) = arg { rows.len() } else { 1 };
        if matches!(arg.data_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) {
            let texts = texts(arg, rows)?;
            return Ok(Self(texts.iter().map(|text| Some(vec![text?.to_owned()])).collect()));
        }
        let words = |list: Arc<dyn Array>| list.as_string::<i32>().iter().flatten().map(str::to_owned).collect();
        Ok(Self(lists(arg, rows)?.iter().map(|list| list.map(words)).collect()))
    }

    /// Returns the domains of a row.
    fn at(&self, row: usize) -> Option<&[String]> {
        let scope = if let [only] = &*self.0 { only } else { self.0.get(row)? };
        scope.as_deref()
    }
}
