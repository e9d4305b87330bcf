"""Only the scrape jobs that a deployment names are asked, whatever they are called."""

import pytest

from trimtab.sources.promql import QUERIES, promql


def test_every_selector_names_the_jobs_that_are_believed() -> None:
    """An application that is scraped may write kube_pod_info as well as kube-state-metrics does."""
    for query in QUERIES.values():
        assert 'job=~"kube\\\\-state\\\\-metrics|kubelet"' in promql(query, {}, ("kube-state-metrics", "kubelet"))


@pytest.mark.security(26)
def test_a_jobs_name_is_a_name_and_no_pattern() -> None:
    text = promql(QUERIES["node"], {}, ('.*"} or up{a="', "a|b"))

    assert '\\\\.\\\\*\\"\\\\}\\\\ or\\\\ up\\\\{a=\\"|a\\\\|b' in text


def test_where_no_job_is_named_all_are_asked() -> None:
    assert "job" not in promql(QUERIES["node"], {})
