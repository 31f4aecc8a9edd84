from drydockd.handlers.base import missing_policies
from drydockd.web.taskroutes import task_routes


async def test_every_page_of_tasks_has_a_rule_for_each_method(browser):
    routes = task_routes(browser.drydock.app.dashboard, 1 << 20)
    assert missing_policies(route.handler for route in routes) == []
    for route in routes:
        assert set(route.handler.about) == set(route.handler.policy), route.pattern


async def test_only_forms_take_a_body(browser):
    for route in task_routes(browser.drydock.app.dashboard, 1 << 20):
        assert (route.body_bytes is not None) == ("POST" in route.handler.policy), route.pattern
