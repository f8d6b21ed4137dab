//! The commands as users run them: their output and exit status.

use std::{
    fs::Permissions,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
};

use jackfield_test_support::{app::client, guests, slack::SlackStandIn};

use super::program::{Installation, copy_to_sinks};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_token_is_printed_once_listed_without_its_secret_and_revoked() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let token = place.token();
    assert!(token.starts_with("jf_") && token.len() == 46, "{}", token.len());
    let listed = place.run(&["token", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!((&list[0]["name"], &list[0]["level"]), (&"admin".into(), &"executive".into()));
    assert!(!text(&listed.stdout).contains(&token));
    let id = list[0]["id"].as_str().expect("an id");
    assert_eq!(place.run(&["token", "revoke", id]).status.code(), Some(0));
    let again = place.run(&["token", "revoke", id]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stderr).contains("token list"), "{}", text(&again.stderr));
}

#[tokio::test]
async fn wrong_usage_exits_with_2_and_names_the_mistake() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    for arguments in [&["nonsense"][..], &["token", "create", "--name", "x"], &["serve", "--nonsense"]] {
        assert_eq!(place.run(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let wrong =
        place.command(&["serve", "--dev"]).env("JACKFIELD_LISTN", "x").env("JACKFIELD_LOG_FORMAT", "xml").output();
    let wrong = wrong.expect("the program runs");
    assert_eq!(wrong.status.code(), Some(2));
    let printed = text(&wrong.stderr);
    assert!(printed.contains("JACKFIELD_LISTN") && printed.contains("JACKFIELD_LOG_FORMAT"), "{printed}");
    let production = place.run(&["serve"]);
    assert_eq!(production.status.code(), Some(2), "a reroute needs --dev");
    assert!(text(&production.stderr).contains("JACKFIELD_EGRESS_REROUTE"));
    let public =
        place.command(&["serve", "--dev"]).env("JACKFIELD_LISTEN", "0.0.0.0:0").output().expect("the command runs");
    assert_eq!(public.status.code(), Some(2), "--dev is for loopback");
}

#[tokio::test]
async fn a_database_address_with_a_password_is_never_printed() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    for url in [
        "postgres://user:hunter2secret@127.0.0.1:1/x",
        "postgres://user:hunter2secret@[",
        "mysql://u:hunter2secret@h/d",
    ] {
        let failed =
            place.command(&["token", "list"]).env("JACKFIELD_DATABASE_URL", url).output().expect("the command runs");
        assert_eq!(failed.status.code(), Some(1), "{url}");
        assert!(!text(&failed.stderr).contains("hunter2secret"), "{}", text(&failed.stderr));
    }
}

#[tokio::test]
async fn inspect_shows_everything_that_a_plugin_asks_for() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let file = guests::component_path("slack");
    let shown = place.run(&["plugin", "inspect", file.to_str().expect("a path")]);
    assert!(shown.status.success(), "{}", text(&shown.stderr));
    let printed = text(&shown.stdout);
    for line in [
        "POST slack.com/api/users.list  with secret `bot_token` in the header `Authorization: Bearer {}`",
        "bot_token: Bot token, secret, required",
    ] {
        assert!(printed.contains(line), "{printed}");
    }
    let listed = place.run(&["plugin", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(list[0]["id"], "slack");
    let wrong = place.run(&["plugin", "inspect", "/etc/hostname"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(text(&wrong.stderr).contains("not a WebAssembly component"), "{}", text(&wrong.stderr));
}

#[tokio::test]
async fn a_list_of_plugins_says_why_the_folder_is_ignored() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("its mode is set");
    for arguments in [&["plugin", "list"][..], &["plugin", "list", "--json"]] {
        assert!(!text(&place.run(arguments).stderr).contains("ignored"));
        let listed = place.command(arguments).env("JACKFIELD_PLUGINS_DIR", folder.path()).output();
        let listed = listed.expect("the command runs");
        assert!(listed.status.success());
        let printed = text(&listed.stderr);
        let why =
            format!("the plugins folder {} was ignored: everybody can write to the folder", folder.path().display());
        assert!(printed.contains(&why), "{printed}");
        assert!(!text(&listed.stdout).contains("ignored"));
    }
}

#[tokio::test]
async fn the_openapi_document_includes_the_fields_of_approved_plugins() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let printed = place.run(&["openapi"]);
    assert!(printed.status.success(), "{}", text(&printed.stderr));
    let document: serde_json::Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    assert_eq!(document["openapi"], "3.1.1");
    assert!(document["paths"]["/api/admin/connections/slack"]["put"].is_object());
    let empty = tempfile::tempdir().expect("a folder");
    let without =
        place.command(&["openapi"]).env("JACKFIELD_PLUGINS_DIR", empty.path()).output().expect("the command runs");
    let document: serde_json::Value = serde_json::from_slice(&without.stdout).expect("JSON");
    assert!(document["paths"].get("/api/admin/connections/slack").is_none());
}

#[tokio::test]
async fn a_token_cannot_use_a_name_reserved_for_jwt_callers() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let refused = place.run(&["token", "create", "--name", "jwt:ada@acme.example", "--level", "executive"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(refused.stdout.is_empty() && text(&refused.stderr).contains("jwt:"), "{}", text(&refused.stderr));
}

#[tokio::test]
async fn the_program_serves_stops_and_starts_again_with_the_same_data() {
    let slack = SlackStandIn::start().await;
    let place = Installation::with_slack(&slack).await;
    let bearer = place.token();
    let token = jackfield_test_support::marked::secret("xoxb-");
    slack.add_token(&token);
    let client = client();
    let url = format!("{}/api/admin/connections/slack", place.base());
    let service = place.serve().await;
    let put = client
        .put(&url)
        .bearer_auth(&bearer)
        .header("content-type", "application/json")
        .body(super::super::http::body(&token).to_string());
    assert_eq!(put.send().await.expect("an answer").status(), 200);
    assert!(service.stop().success());
    let service = place.serve().await;
    let health = client.get(format!("{url}/health")).bearer_auth(&bearer).send().await.expect("an answer");
    assert!(health.text().await.expect("the response is complete").contains("\"healthy\":true"));
    service.kill();
    copy_to_sinks(&place.data());
}

#[tokio::test]
async fn a_running_service_dumps_no_core_and_hides_its_memory() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let user = std::fs::metadata("/proc/self").expect("this process").uid();
    let mut command = place.command(&["serve", "--dev"]);
    if user == 0 {
        // The memory of a process of root belongs to root in any case, so another user is needed.
        std::fs::create_dir_all(place.data()).expect("a data folder");
        chown(place.data(), Some(4_241), Some(4_241)).expect("the owner is changed");
        command = place.command_as(&["serve", "--dev"], 4_241, 4_241);
    }
    let log = std::fs::File::options().append(true).create(true).open(place.log()).expect("a log");
    let service = place.wait_until_ready(command.stdout(std::process::Stdio::null()).stderr(log)).await;
    let process = format!("/proc/{}", service.0.id());
    let limits = std::fs::read_to_string(format!("{process}/limits")).expect("its limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a line");
    let mut words = core.split_whitespace().skip(4);
    assert_eq!((words.next(), words.next()), (Some("0"), Some("0")), "{core}");
    // The files of a process that is not dumpable belong to root, whoever runs it.
    let owner = |name: &str| std::fs::metadata(format!("{process}/{name}")).expect("its file").uid();
    let status = std::fs::read_to_string(format!("{process}/status")).expect("its status");
    let runs_as = status.lines().find_map(|line| line.strip_prefix("Uid:")).expect("a line");
    assert!(!runs_as.split_whitespace().any(|id| id == "0"), "it does not run as root: {runs_as}");
    assert_eq!((owner("mem"), owner("environ")), (0, 0));
    assert!(service.stop().success());
    copy_to_sinks(&place.data());
}

#[tokio::test]
async fn people_are_imported_whole_or_not_at_all() {
    let place = Installation::with_slack(&*SlackStandIn::start().await).await;
    let file = |name: &str, text: &str| {
        let path = place.folder.path().join(name);
        std::fs::write(&path, text).expect("the file is written");
        path.display().to_string()
    };
    let good = file("good.csv", "email,name,active\nada@acme.example,Ada,yes\nzoë@acme.example,Zoë,no\n");
    let done = place.run(&["people", "import", &good]);
    assert_eq!((done.status.code(), text(&done.stdout).trim()), (Some(0), "2 created, 0 updated, 0 unchanged"));
    let again = place.run(&["people", "import", &good, "--json"]);
    let printed: serde_json::Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(printed, serde_json::json!({ "created": 0, "updated": 0, "unchanged": 2, "errors": [] }));

    let bad = file("bad.csv", "email,name\nnew@acme.example,New\nada,\n");
    let refused = place.run(&["people", "import", &bad]);
    assert_eq!((refused.status.code(), text(&refused.stdout).as_str()), (Some(1), ""));
    let printed = text(&refused.stderr);
    assert!(printed.contains("line 3: name: is empty\nline 3: email: is not an email address"), "{printed}");
    let refused = place.run(&["people", "import", &bad, "--json"]);
    assert_eq!(refused.status.code(), Some(1));
    let printed: serde_json::Value = serde_json::from_slice(&refused.stdout).expect("JSON");
    assert_eq!((&printed["created"], &printed["errors"][0]["line"]), (&0.into(), &3.into()));
    let sheet = file("sheet.csv", "\u{feff}name;email;active\r\nAda;mailto:ada@acme.example;WAHR\r\n;;\r\n");
    let done = place.run(&["people", "import", &sheet]);
    assert_eq!((done.status.code(), text(&done.stdout).trim()), (Some(0), "0 created, 0 updated, 1 unchanged"));
    let damaged =
        file("damaged.csv", "name,email,user_id\nAda,ada@acme.example,1.08457E+20\nBjÃ¸rn,b@acme.example,8\n");
    let printed = text(&place.run(&["people", "import", &damaged]).stderr);
    let lines: Vec<&str> = printed.lines().filter(|line| line.starts_with("line ")).collect();
    assert!(lines[0].starts_with("line 2: user_id: is a long number that a spreadsheet rounded"), "{printed}");
    assert!(lines[1].starts_with("line 3: name: contains characters of a wrong encoding"), "{printed}");
    let open = file("open.csv", "name,email\nAda,\"ada@acme.example\nBob,bob@acme.example\n");
    let printed = text(&place.run(&["people", "import", &open]).stderr);
    assert!(printed.contains("line 2: row: contains a quotation mark that is not closed"), "{printed}");
    let missing = place.run(&["people", "import", "/nowhere.csv"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("/nowhere.csv"), "{}", text(&missing.stderr));
    assert_eq!(place.run(&["people", "import"]).status.code(), Some(2));

    let token = place.token();
    let service = place.serve().await;
    let asked = client().get(format!("{}/api/admin/people", place.base())).bearer_auth(&token).send().await;
    let listed: serde_json::Value =
        serde_json::from_str(&asked.expect("an answer").text().await.expect("the response is complete")).expect("JSON");
    let names: Vec<&str> =
        listed["people"].as_array().expect("people").iter().filter_map(|person| person["name"].as_str()).collect();
    assert_eq!(names, ["Ada", "Zoë"], "nobody from the rejected file was added");
    assert!(service.stop().success());
    copy_to_sinks(&place.data());
}
