//! As much of OpenAPI as Divar's document uses: enough to say what is wrong with a body, and where.
//!
//! Stricter than the document in one thing: a member that it does not describe is a fault, because the
//! only way to misspell one is to send one that nobody knows.

use serde_json::Value;

/// A document.
pub(crate) struct OpenApi(Value);

impl OpenApi {
    pub(crate) fn new(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap())
    }

    /// The template of a path, and the schema of what is posted there.
    pub(crate) fn posted(&self, path: &str) -> (&str, &Value) {
        let fits = |template: &str| {
            let parts = (template.split('/'), path.split('/'));
            template.split('/').count() == path.split('/').count()
                && parts.0.zip(parts.1).all(|(known, given)| known == given || known.starts_with('{'))
        };
        let found = self.0["paths"].as_object().unwrap().iter().find(|(template, _)| fits(template));
        let (template, item) = found.unwrap_or_else(|| panic!("no such path: {path}"));
        (template, self.resolve(&self.resolve(&item["post"]["requestBody"])["content"]["application/json"]["schema"]))
    }

    /// What is wrong with a value; nothing if it is as the schema says.
    pub(crate) fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(schema, value, "", &mut faults);
        faults
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(pointer) => {
                let found = self.0.pointer(pointer.strip_prefix('#').unwrap());
                self.resolve(found.unwrap_or_else(|| panic!("{pointer} leads nowhere")))
            }
            None => schema,
        }
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = self.resolve(schema);
        let kind = schema["type"].as_str().unwrap_or("anything");
        let is_kind = match kind {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "anything" => true,
            other => panic!("a type that is not known: {other}"),
        };
        if !is_kind {
            faults.push(format!("{at} is no {kind}: {value}"));
        }
        if schema["enum"].as_array().is_some_and(|names| !names.contains(value)) {
            faults.push(format!("{at} is none of the names: {value}"));
        }
        for item in value.as_array().into_iter().flatten().enumerate() {
            self.check(&schema["items"], item.1, &format!("{at}[{}]", item.0), faults);
        }
        let Some(members) = value.as_object() else { return };
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                faults.push(format!("{at} has no {name}"));
            }
        }
        // An object without properties is free.
        let Some(properties) = schema["properties"].as_object() else { return };
        for (name, member) in members {
            match properties.get(name) {
                Some(schema) => self.check(schema, member, &format!("{at}.{name}"), faults),
                None => faults.push(format!("{at}.{name} is not described")),
            }
        }
    }
}
