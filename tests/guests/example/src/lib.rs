//! A seventh plugin, which needs nothing but this folder and a line in the workspace.

use jackfield_sdk::endpoint::get;
use jackfield_sdk::{
    ConnectOutcome, Connected, Connection, Error, Field, Manifest, Page, PageRequest, Provider, Report, Text, User,
    http,
};
use serde::Deserialize;

/// Connects to one company in Acme HR.
#[derive(Debug)]
pub struct Example;

jackfield_sdk::export!(Example);

#[derive(Deserialize)]
struct CompanyResponse<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Deserialize)]
struct PeopleResponse<'a> {
    #[serde(borrow)]
    people: Vec<PersonRecord<'a>>,
    more: bool,
}

#[derive(Deserialize)]
struct PersonRecord<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    email: Option<Text<'a>>,
}

impl Provider for Example {
    fn describe() -> Manifest {
        Manifest::new("acme-hr", "Acme HR", env!("CARGO_PKG_VERSION"))
            .field(Field::secret("api_key", "API key").help("In Acme HR: Settings, then API."))
            .endpoint(get("api.acme-hr.example/v1/company").credential("api_key").header("X-Api-Key", "{}"))
            .endpoint(get("api.acme-hr.example/v1/people").credential("api_key").header("X-Api-Key", "{}"))
            .lists_users()
    }

    fn connect(_: &Connection) -> Result<ConnectOutcome, Error> {
        let response = get_resource("company", &[])?;
        let company: CompanyResponse<'_> = response.json()?;
        Ok(Connected::new().org_name(&*company.name).into())
    }

    fn health(_: &Connection) -> Result<Vec<Report>, Error> {
        let response = get_resource("company", &[])?;
        let company: CompanyResponse<'_> = response.json()?;
        Ok(vec![Report::text("company", &*company.name)])
    }

    fn list_users(_: &Connection, page: &PageRequest) -> Result<Page, Error> {
        let number = page.number()?;
        let response = get_resource("people", &[("page", &number.to_string())])?;
        let people: PeopleResponse<'_> = response.json()?;
        let users =
            people.people.into_iter().map(|person| User::new(person.id, person.name).email(person.email.as_deref()));
        Ok(Page::numbered(users.collect(), number, people.more))
    }
}

fn get_resource(name: &str, query: &[(&str, &str)]) -> Result<http::Response, Error> {
    let response = http::get(format!("https://api.acme-hr.example/v1/{name}")).query(query).send()?;
    match response.status {
        200 => Ok(response),
        401 => Err(Error::unauthorized("the key is not valid")),
        status => Err(Error::upstream(status, "")),
    }
}
