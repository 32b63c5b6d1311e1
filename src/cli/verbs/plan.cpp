// `postroad plan ADDRESS`: where a message would go, and what would be refused, without sending it.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <iostream>

#include "base/text.hpp"
#include "cli/exit.hpp"
#include "cli/terminal.hpp"
#include "cli/verbs.hpp"
#include "config/units.hpp"
#include "daemon/configuration.hpp"
#include "daemon/settings.hpp"
#include "dns/unbound_resolver.hpp"
#include "observe/sinks.hpp"
#include "relay/plan.hpp"

namespace postroad::cli {

namespace asio = boost::asio;

namespace {

using observe::json_list;
using observe::json_string;
using relay::HostWay;
using relay::MxWay;
using relay::Plan;

std::string verb_of(const Plan& plan) {
  return plan.problem->outcome == Outcome::refused ? "refused" : "deferred";
}

void print_text(const Plan& plan) {
  std::cout << printable(plan.recipient.text()) << '\n';
  if (!plan.alias.empty()) std::cout << "  alias of: " << printable(plan.alias) << '\n';
  std::cout << "  route: " << to_string(plan.route) << '\n';
  if (const auto* host = plan.way != nullptr ? std::get_if<HostWay>(plan.way) : nullptr) {
    std::cout << "  server: " << printable(host->url) << '\n';
    if (!host->user.empty()) std::cout << "  login: " << printable(host->user) << '\n';
    std::cout << "  limit: " << host->connections << " connections\n";
  }
  if (const auto* mx = plan.way != nullptr ? std::get_if<MxWay>(plan.way) : nullptr) {
    for (const auto& fact : relay::mx::facts_of(*plan.exchangers))
      if (!fact.starts_with("no host: ")) std::cout << "  " << printable(fact, 1000) << '\n';
    for (const auto& line : relay::mx::lines_of(plan.tls))
      std::cout << "  " << printable(line, 1000) << '\n';
    const auto limits = mx->settings.limits_of(plan.site);
    std::cout << "  port: " << mx->settings.port << "\n  site: " << printable(plan.site, 300)
              << "\n  limit: " << limits.initial << " connections at first, at most "
              << limits.connections << '\n';
    if (limits.rate.count > 0) std::cout << "  rate: " << config::format(limits.rate) << '\n';
  }
  if (plan.problem)
    std::cout << "  " << verb_of(plan) << ": " << printable(plan.problem->reason) << '\n';
}

std::string json_of(const relay::mx::Exchanger& exchanger, const std::string& tls) {
  std::string addresses;
  for (const auto& address : exchanger.addresses)
    addresses += (addresses.empty() ? "" : ",") + json_string(address.to_string());
  return fmt::format(R"({{"name":{},"preference":{},"addresses":[{}],"tls":{}}})",
                     json_string(exchanger.host.name), exchanger.host.preference, addresses,
                     json_string(tls));
}

// The limits and the way of a route, which has one of the two forms.
std::string json_of_way(const relay::Way* way, const std::string& site) {
  if (way == nullptr) return R"("server":null,"login":null,"port":null,"connections":null)";
  if (const auto* host = std::get_if<HostWay>(way))
    return fmt::format(R"("server":{},"login":{},"port":null,"connections":{})",
                       json_string(host->url),
                       host->user.empty() ? "null" : json_string(host->user), host->connections);
  const auto& mx = std::get<MxWay>(*way).settings;
  return fmt::format(R"("server":null,"login":null,"port":{},"connections":{})", mx.port,
                     mx.limits_of(site).connections);
}

void print_json(const Plan& plan) {
  std::string hosts;
  const auto found = plan.exchangers.value_or(relay::mx::Exchangers());
  for (std::size_t i = 0; i < found.usable.size(); ++i)
    hosts += (hosts.empty() ? "" : ",") + json_of(found.usable[i], plan.tls.hosts[i].second);
  std::cout
      << fmt::format(
             R"({{"recipient":{},"alias_of":{},"route":{},"site":{},{},"hosts":[{}],"dnssec_off":{},"mta_sts":{},"left_out":{},"dns":{},"outcome":{},"reason":{}}})",
             json_string(plan.recipient.text()),
             plan.alias.empty() ? "null" : json_string(plan.alias),
             json_string(to_string(plan.route)), json_string(plan.site),
             json_of_way(plan.way, plan.site), hosts,
             plan.tls.dnssec.empty() ? "null" : json_string(plan.tls.dnssec),
             plan.tls.sts.empty() ? "null" : json_string(plan.tls.sts), json_list(found.notes),
             json_list(found.answers), plan.problem ? json_string(verb_of(plan)) : "null",
             plan.problem ? json_string(plan.problem->reason) : "null")
      << '\n';
}

int exit_of_plans(const std::vector<Plan>& plans) {
  int code = exit_ok;
  for (const auto& plan : plans) {
    if (!plan.problem) continue;
    if (plan.problem->outcome == Outcome::refused) return exit_unavailable;
    code = exit_temporary;
  }
  return code;
}

// The plans, with the DNS queries that they need.
Result<std::vector<Plan>> plans_for(const relay::PlanInput& input, const Mailbox& address) {
  asio::io_context context(1);
  MxWay way;  // all ways to mail exchangers have the same resolver
  for (const auto& one : input.ways)
    if (const auto* mx = std::get_if<MxWay>(&one)) way = *mx;
  std::string dnssec;
  const auto resolver = relay::open_resolver(context.get_executor(), way,
                                             [&](const std::string& why) { dnssec = why; });
  if (!resolver) return resolver.error();
  std::optional<Result<std::vector<Plan>>> plans;
  const auto run = [&]() -> asio::awaitable<void> {
    plans = co_await relay::make_plans(input, **resolver, address);
    context.stop();  // libunbound may still work on a query whose deadline passed
  };
  asio::co_spawn(context, run(), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);  // out of context.run()
  });
  context.run();
  if (*plans)
    for (auto& plan : **plans) plan.tls.dnssec = dnssec;
  return std::move(plans.value());
}

}  // namespace

config::Command PlanVerb::declare() {
  return {
      .name = "plan",
      .summary = "explain where a message would go, without sending it",
      .description =
          "Follows aliases and routes as the server would, asks the DNS for mail exchangers, "
          "and prints one fact per line. It makes no SMTP session.",
      .arguments = {{.name = "ADDRESS", .doc = "The recipient.", .target = &address}},
      .flags = {{.name = "from",
                 .letter = 'f',
                 .value = "ADDRESS",
                 .doc = "Reverse-path, for routes that depend on it. Default: the null one.",
                 .target = &sender,
                 .typed = &sender_typed},
                {.name = "login",
                 .value = "USER",
                 .doc = "The user who sends it, for routes that depend on logins. Default: none.",
                 .target = &login},
                {.name = "config",
                 .letter = 'c',
                 .value = "FILE",
                 .doc = "Configuration file.",
                 .target = &config,
                 .default_text = "none, and all options have their defaults",
                 .completion = config::Completion::file},
                {.name = "set",
                 .value = "NAME=VALUE",
                 .doc = "Set one option, such as mx.enabled=true.",
                 .target = &set},
                {.name = "json", .doc = "Print one JSON object per recipient.", .target = &json}},
      .examples = {{"postroad plan bob@example.org --set mx.enabled=true",
                    "the mail exchangers of a domain"}},
      .exit_codes = {{exit_ok, "every recipient has a way"},
                     {exit_unavailable, "a recipient would be refused"},
                     {exit_temporary, "a recipient would be deferred"},
                     {exit_config, "the configuration is wrong"}},
      .run = [this] { return run(); }};
}

int PlanVerb::run() {
  const auto to = Mailbox::parse(address);
  if (!to) {
    complain("plan",
             "'" + printable(address, 80) + "' is not an address; use the form user@example.org");
    return exit_usage;
  }
  if (sender != "<>" && !Mailbox::parse(sender)) {
    complain("plan", config::as_typed(sender_typed, "--from") + " '" + printable(sender, 80) +
                         "': not an address; use the form user@example.org, or <>");
    return exit_usage;
  }
  daemon::Settings settings;
  const auto loaded = daemon::load_settings(config, set, settings);
  daemon::Problems problems;
  std::shared_ptr<daemon::Configuration> made;
  if (loaded.is_parsed) made = daemon::Configuration::make(std::move(settings), problems);
  const auto found = daemon::findings(loaded, problems, config);
  for (const auto& sentence : found.errors) complain("plan", sentence);
  if (!found.errors.empty() || !made) return exit_config;
  const auto delivery = made->delivery();
  const auto plans = plans_for({*made->directory, delivery.table, delivery.ways,
                                sender == "<>" ? std::string() : sender, login},
                               *to);
  if (!plans) {
    complain("plan", plans.error().text());
    return exit_of(plans.error());
  }
  for (const auto& plan : *plans) json ? print_json(plan) : print_text(plan);
  return exit_of_plans(*plans);
}

}  // namespace postroad::cli
