mod browser;
mod live;
mod sample;
mod watched;
mod work;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use axum::response::Response;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;

use super::*;
use sample::{Fleet, fleet, job};

/// What the dashboard of `fleet` answers.
async fn ask(fleet: Fleet, method: &str, address: &str) -> (StatusCode, header::HeaderMap, String) {
    send(fleet, method, address, "").await
}

/// The same, with a form.
async fn send(
    fleet: Fleet,
    method: &str,
    address: &str,
    form: &str,
) -> (StatusCode, header::HeaderMap, String) {
    let request = Request::builder()
        .method(method)
        .uri(address)
        .body(Body::from(form.to_owned()))
        .unwrap();
    let router = TowerToHyperService::new(routes::<Fleet>().with_state(fleet));
    let answer: Response = router.call(request).await.unwrap();
    let (parts, body) = answer.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

async fn page(address: &str) -> String {
    let (status, _, body) = ask(fleet(), "GET", address).await;
    assert_eq!(status, StatusCode::OK, "{address}: {body}");
    body
}

/// Every page there is.
async fn pages() -> Vec<(String, String)> {
    let mut addresses: Vec<_> = ["/", "/nodes", "/streams", "/feeds"].map(str::to_owned).into();
    addresses.extend(fleet().streams.iter().map(|one| format!("/streams/{}", one.name)));
    addresses.extend(fleet().feeds.iter().map(|one| format!("/feeds/{}", one.name)));
    addresses.extend(fleet().jobs.iter().map(|job| format!("/jobs/{}", job.summary.number)));
    let mut pages = Vec::new();
    for address in addresses {
        let body = page(&address).await;
        pages.push((address, body));
    }
    pages.push(("locked".into(), locked().into_string()));
    pages
}

#[tokio::test]
async fn odd_names_show_as_text() {
    for (address, body) in pages().await {
        for live in ["<script>alert", "<img", "<i>a", "<b>"] {
            assert!(!body.contains(live), "{address} holds {live}");
        }
    }
    let list = page("/").await;
    assert!(list.contains("&quot;&gt;&lt;script&gt;alert(1)&lt;"), "{list}");
}

#[tokio::test]
async fn secrets_do_not_show() {
    for (address, body) in pages().await {
        assert!(!body.contains("hush"), "{address} tells a stream key or a token");
    }
}

#[tokio::test]
async fn nothing_is_inline_and_nothing_comes_from_elsewhere() {
    for (address, body) in pages().await {
        for bad in [" style=", "<style", " onclick=", " onload=", "javascript:", "src=\"http"] {
            assert!(!body.contains(bad), "{address} holds {bad}");
        }
        let scripts = body.matches("<script").count();
        assert_eq!(scripts, body.matches("<script src=\"/assets/dashboard.js?v=").count());
        assert!(!body.contains("href=\"http"), "{address} links elsewhere");
    }
    let (_, headers, _) = ask(fleet(), "GET", "/").await;
    assert_eq!(headers[header::CONTENT_SECURITY_POLICY], CSP);
    assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    assert!(!CSP.contains("unsafe"));
}

#[tokio::test]
async fn every_link_leads_somewhere() {
    for (from, body) in pages().await {
        for link in body
            .split("href=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
        {
            if link.starts_with("/v1/") || link.starts_with('#') {
                continue;
            }
            let link = link.split('#').next().unwrap();
            let (status, _, _) = ask(fleet(), "GET", &link.replace("&amp;", "&")).await;
            assert_eq!(status, StatusCode::OK, "{from} links to {link}");
        }
    }
}

#[tokio::test]
async fn empty_list_says_what_to_type() {
    let empty = Fleet { jobs: Vec::new(), nodes: Vec::new(), ..fleet() };
    let (_, _, body) = ask(empty, "GET", "/").await;
    assert!(body.contains("ffleet submit test:720p30 -o /tmp/x.mp4 --wait"), "{body}");
}

#[tokio::test]
async fn list_is_filtered_counted_and_paged() {
    let body = page("/?state=failed,timed_out,quarantined,rejected").await;
    assert!(body.contains("data-job=\"1003\"") && !body.contains("data-job=\"1002\""));
    assert!(body.contains("aria-current=\"true\">Failed <span class=\"count\">1<"), "{body}");
    let body = page("/?limit=2").await;
    assert!(body.contains("href=\"/?limit=2&amp;after=1006\" rel=\"next\""), "{body}");
    let body = page("/?limit=2&after=1002").await;
    assert!(body.contains(">Newest<") && !body.contains("rel=\"next\""), "{body}");
}

#[tokio::test]
async fn progress_and_results_are_told_in_the_list() {
    let body = page("/").await;
    assert!(body.contains("value=\"42.7\"") && body.contains("42 %"), "{body}");
    assert!(body.contains("encoding · 118 fps · 4.9× · 17.5 MiB · 0:44 left"), "{body}");
    assert!(body.contains("45.9 MiB <span class=\"faint\">in 15.0 s"), "{body}");
    assert!(body.contains("<span class=\"reason\">input error</span>"), "{body}");
}

#[tokio::test]
async fn live_job_that_goes_on_tells_how_its_last_sender_died() {
    for address in ["/", "/jobs/1005"] {
        let body = page(address).await;
        assert!(body.contains("\"trouble\">the sender died once"), "{address}: {body}");
    }
}

#[tokio::test]
async fn job_tells_its_costs_its_history_and_its_command() {
    let body = page("/jobs/1002").await;
    for part in [
        "14.8 s",
        "27.3 s",
        "220 MiB",
        "by node:studio-1",
        "attempt 1",
        ">-crf</span> <span class=\"arg\">21<",
    ] {
        assert!(body.contains(part), "{part} is missing");
    }
    assert!(body.contains("data-log=\"/v1/jobs/1002/logs\" data-attempt=\"1\""), "{body}");
    assert!(!body.contains("data-follow"), "its log has an end");
    assert!(page("/jobs/1006").await.contains("data-follow=\"true\""));
}

#[tokio::test]
async fn only_actions_that_mean_something_are_offered() {
    for state in State::ALL {
        let one = Fleet { jobs: vec![job(1, state, "test:720p30")], ..fleet() };
        let (_, _, body) = ask(one, "GET", "/jobs/1").await;
        for action in Action::ALL {
            let offered = body.contains(&format!("action=\"/jobs/1/{action}\""));
            assert_eq!(offered, action.suits(state), "{action} of a job that is {state}");
        }
    }
}

#[tokio::test]
async fn button_leads_back_to_the_job_or_says_why_not() {
    let (status, headers, _) = ask(fleet(), "POST", "/jobs/1006/pause").await;
    assert_eq!(
        (status, &headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/jobs/1006".parse().unwrap())
    );
    let (status, _, body) = ask(fleet(), "POST", "/jobs/1002/pause").await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert!(body.contains("takes no pause"), "{body}");
    let (status, _, _) = ask(fleet(), "POST", "/jobs/1002/explode").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _, _) = ask(fleet(), "GET", "/jobs/1006/cancel").await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED, "a link must not stop a job");
}

#[tokio::test]
async fn job_is_found_by_number_and_by_id() {
    let id = fleet().jobs[1].summary.id;
    for typed in ["1006", "%231006", "+1006+", &id.to_string()] {
        let (status, headers, _) = ask(fleet(), "GET", &format!("/find?job={typed}")).await;
        assert_eq!(
            (status, &headers[header::LOCATION]),
            (StatusCode::SEE_OTHER, &"/jobs/1006".parse().unwrap()),
            "{typed}"
        );
    }
    for typed in ["", "9", "%3Cscript%3E"] {
        let (status, _, body) = ask(fleet(), "GET", &format!("/find?job={typed}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{typed}");
        assert!(!body.contains("<script>"), "{body}");
    }
}

#[tokio::test]
async fn odd_query_is_a_page_that_says_so() {
    let (status, _, body) = ask(fleet(), "GET", "/?stat=failed").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(body.contains("did you mean &quot;state&quot;?"), "{body}");
}

#[tokio::test]
async fn assets_are_cached_by_their_content() {
    let body = page("/").await;
    for kind in ["/assets/dashboard.css", "/assets/dashboard.js", "/assets/icon.svg"] {
        assert!(body.contains(&format!("{kind}?v=")), "{kind}");
        let (_, headers, text) = ask(fleet(), "GET", kind).await;
        assert!(!text.is_empty());
        let tag = headers[header::ETAG].to_str().unwrap().to_owned();
        let request = Request::builder().uri(kind).header(header::IF_NONE_MATCH, &tag);
        let router = TowerToHyperService::new(routes::<Fleet>().with_state(fleet()));
        let answer = router.call(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
    }
}

#[tokio::test]
async fn node_says_what_it_lacks() {
    let body = page("/nodes").await;
    for part in [
        "partial",
        "set Delegate=yes",
        "600% of 800%",
        "libsvtav1",
        "Cannot load libcuda",
    ] {
        assert!(body.contains(part), "{part} is missing");
    }
}

#[tokio::test]
async fn logs_of_all_jobs_are_in_one_place() {
    let body = page("/logs?since=10m").await;
    for part in [
        "&lt;b&gt;not bold&lt;/b&gt;",
        "href=\"/jobs/1006\">1006</a>",
        ">pruned<",
        " #2<",
        "<option value=\"10m\" selected>10 minutes<",
        "/logs?since=10m&amp;after=1-2",
        "aria-current=\"page\">Logs<",
    ] {
        assert!(body.contains(part), "{part} is missing in {body}");
    }
    let none = page("/logs?grep=nothing&since=3h").await;
    assert!(none.contains("No line was found") && none.contains("selected>3h<"), "{none}");
}

#[tokio::test]
async fn running_job_has_curves_and_the_script_can_have_them_alone() {
    let body = page("/jobs/1006").await;
    let curves = page("/jobs/1006/curves").await;
    assert!(body.contains(&curves), "{curves}");
    assert!(curves.contains("data-again=\"/jobs/1006/curves\""), "{curves}");
    assert_eq!(curves.matches("<svg").count(), 8, "{curves}");
    assert!(
        curves.contains("Disk wait, CPU pressure, Memory pressure, Disk pressure."),
        "{curves}"
    );
    let ended = page("/jobs/1002/curves").await;
    assert!(ended.contains(" hidden") && !ended.contains("data-again"), "{ended}");
}

#[tokio::test]
async fn most_threads_say_how_they_are_known() {
    let jobs = pages().await;
    let counted = jobs.iter().filter(|(_, body)| body.contains("24 (counted)")).count();
    let of_jobs = jobs
        .iter()
        .filter(|(_, body)| body.contains("Peak threads</dt><dd>24"))
        .count();
    assert!(counted > 0 && counted == of_jobs, "{counted} of {of_jobs} jobs say so");
    assert!(
        page("/nodes")
            .await
            .contains("Peak threads</dt><dd>sampled once a second")
    );
}
