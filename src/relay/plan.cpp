// See plan.hpp.
#include "relay/plan.hpp"

#include <boost/asio/this_coro.hpp>
#include <variant>

#include "base/text.hpp"
#include "relay/mx/find_exchangers.hpp"
#include "relay/routes/mailbox_carrier.hpp"

namespace postroad::relay {

namespace asio = boost::asio;

namespace {

using Route = Plan::Route;

// The route, without the exchangers of an MX route.
Plan begin_plan(const PlanInput& input, const Mailbox& recipient, const Mailbox& address) {
  Plan plan;
  plan.recipient = recipient;
  if (lower(recipient.text()) != lower(address.text())) plan.alias = address.text();
  const bool is_local = input.directory.is_local(recipient);
  const auto at = input.table.find({input.sender, input.login}, recipient, is_local);
  if (!at && is_local) {
    plan.route = Route::mailbox;
  } else if (!at) {
    // A queued message whose route a reload removed would be deferred; a new one is not accepted.
    plan.problem = {
        Outcome::refused,
        "5.1.2 no route to " + recipient.domain +
            ": there is no [[route]] for it, no delivery.smarthost, and mx.enabled is off"};
  } else {
    plan.way = &input.ways[*at];
    plan.site = names_of(input.ways)[*at];
    plan.route = std::holds_alternative<MxWay>(*plan.way) ? Route::mx : Route::host;
  }
  return plan;
}

}  // namespace

std::string planned_way(const PlanInput& input, const Mailbox& recipient) {
  const auto plan = begin_plan(input, recipient, recipient);
  return plan.route == Route::mailbox ? std::string(mailboxes_site) : plan.site;
}

std::string_view to_string(Route route) noexcept {
  switch (route) {
    case Route::none:
      return "none";
    case Route::mailbox:
      return "mailbox";
    case Route::host:
      return "host";
    case Route::mx:
      return "mx";
  }
  return "?";
}

namespace {

asio::awaitable<Result<void>> add_exchangers(Plan& plan, dns::Resolver& resolver) {
  const auto& settings = std::get<MxWay>(*plan.way).settings;
  auto found = co_await mx::find_exchangers(resolver, plan.recipient.domain, settings.rules, 0,
                                            settings.dns);
  if (!found) co_return found.error();
  plan.problem = found->none;
  const auto domain = canonical_domain(plan.recipient.domain);
  const mx::SiteNames names(settings.named_groups());
  plan.site = names.site_of(domain, found->names);
  plan.exchangers = std::move(*found);
  auto tls = settings.tls;
  tls.only_reads = true;
  const auto executor = co_await asio::this_coro::executor;
  tls::TlsPolicies policies(executor, resolver, std::move(tls), settings.rules, nullptr);
  plan.tls = co_await mx::find_tls_plan(policies, *plan.exchangers, domain, {},
                                        settings.level_of(plan.site), settings.port, settings.dns);
  if (!plan.problem && !plan.tls.refusal.empty())
    plan.problem = {Outcome::deferred, plan.tls.refusal};
  co_return Result<void>();
}

}  // namespace

asio::awaitable<Result<std::vector<Plan>>> make_plans(const PlanInput& input,
                                                      dns::Resolver& resolver, Mailbox address) {
  std::vector<Plan> plans;
  for (const auto& recipient : input.directory.resolve(address))
    plans.push_back(begin_plan(input, recipient, address));
  if (plans.empty()) {
    auto& unknown = plans.emplace_back();
    unknown.recipient = address;
    unknown.problem = {Outcome::refused, "5.1.1 there is no mailbox " + address.text()};
  }
  for (auto& plan : plans) {
    if (plan.route != Route::mx) continue;
    const auto added = co_await add_exchangers(plan, resolver);
    if (!added) co_return added.error();
  }
  co_return plans;
}

}  // namespace postroad::relay
