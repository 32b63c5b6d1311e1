// See site_service.hpp.
#include "daemon/site_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <chrono>
#include <future>

#include "base/percent.hpp"
#include "base/text.hpp"
#include "config/units.hpp"
#include "daemon/events.hpp"
#include "daemon/queue_selection.hpp"
#include "net/callback.hpp"
#include "observe/sinks.hpp"
#include "queue/events.hpp"
#include "relay/routes/mailbox_carrier.hpp"

namespace postroad::daemon {

namespace {

using observe::json_string;
using Sites = std::vector<queue::SiteFacts>;

constexpr std::chrono::seconds save_patience{2};

std::string_view state_of_site(const queue::SiteFacts& site) {
  if (site.is_held) return "paused";
  if (site.waits_until > 0) return "waits";
  return site.is_down ? "down" : "up";
}

std::optional<queue::SiteRequest> site_request_of(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, queue::SiteRequest>, 3> words{
      {{"pause", queue::SiteRequest::hold},
       {"resume", queue::SiteRequest::release},
       {"reset", queue::SiteRequest::reset}}};
  for (const auto& [name, request] : words)
    if (name == word) return request;
  return std::nullopt;
}

bool is_named(const queue::SiteFacts& site, const std::vector<std::string>& names) {
  return names.empty() || std::any_of(names.begin(), names.end(), [&](const std::string& name) {
           return is_like(site.name, name) || is_like(relay::mx::split_site(site.name).site, name);
         });
}

}  // namespace

std::string site_text(const queue::SiteFacts& site) {
  auto text = fmt::format("{}  {}  {} waiting  {} of {} under way", printable(site.name, 300),
                          state_of_site(site), site.waiting, site.under_way,
                          site.limit == 0 ? std::string("?") : std::to_string(site.limit));
  if (site.most > 0) text += fmt::format("  (at most {})", site.most);
  text += '\n';
  if (site.rate.count > 0) {
    text += "    rate " + config::format(site.rate);
    if (site.waiting > 0 && site.next_token.count() > 0)
      text += fmt::format(", next attempt in {}s", (site.next_token.count() + 999) / 1000);
    text += '\n';
  }
  if (site.left.count() > 0)
    text += fmt::format("    next try in {}s\n", (site.left.count() + 999) / 1000);
  if (!site.reason.empty()) text += "    " + printable(site.reason, 500) + '\n';
  return text;
}

std::string site_facts(const queue::SiteFacts& site) {
  auto text = printable(site.name, 300) + '\n';
  const auto add = [&](std::string_view name, const std::string& value) {
    text += fmt::format("  {}: {}\n", name, value);
  };
  const auto seconds = [](std::chrono::milliseconds time) {
    return fmt::format("{}s", (time.count() + 999) / 1000);
  };
  add("state", std::string(state_of_site(site)));
  if (site.limit > 0)
    add("limit",
        std::to_string(site.limit) + " messages at once" + (site.is_learnt ? ", learnt" : ""));
  if (site.most > 0) add("at most", std::to_string(site.most));
  if (site.rate.count > 0) add("rate", config::format(site.rate));
  add("under way", std::to_string(site.under_way));
  add("waiting", std::to_string(site.waiting));
  if (site.left.count() > 0) add("next try", "in " + seconds(site.left));
  if (site.next_token.count() > 0) add("rate allows the next", "in " + seconds(site.next_token));
  if (!site.reason.empty()) add("reason", printable(site.reason, 1000));
  return text;
}

std::string site_json(const queue::SiteFacts& site) {
  return fmt::format(
             R"({{"site":{},"state":"{}","waiting":{},"under_way":{},"limit":{},"most":{},"rate":{},"next_token":{},"pause":{},"reason":{}}})",
             json_string(site.name), state_of_site(site), site.waiting, site.under_way,
             site.limit == 0 ? "null" : std::to_string(site.limit),
             site.most == 0 ? "null" : std::to_string(site.most),
             site.rate.count == 0 ? "null" : json_string(config::format(site.rate)),
             fmt::format("{:.3f}", static_cast<double>(site.next_token.count()) / 1000),
             fmt::format("{:.3f}", static_cast<double>(site.left.count()) / 1000),
             site.reason.empty() ? "null" : json_string(site.reason)) +
         '\n';
}

boost::asio::awaitable<Sites> SiteService::find() {
  return net::wait_for<Sites>([this](auto resume) { delivery_.find_sites(resume); });
}

// A site of mail exchangers that is not in use has its configured limits.
boost::asio::awaitable<Sites> SiteService::find(std::vector<std::string> names) {
  auto sites = co_await find();
  for (const auto& name : names) {
    const bool is_known = std::any_of(sites.begin(), sites.end(),
                                      [&](const auto& site) { return is_named(site, {name}); });
    if (is_known || !name.starts_with("mx:") || name.find('*') != std::string::npos) continue;
    if (const auto limits = delivery_.limits_of(name))
      sites.push_back(
          {.name = name, .limit = limits->initial, .most = limits->most, .rate = limits->rate});
  }
  co_return sites;
}

// A domain means the site of its mail exchangers. Error: no message to it leaves the server, or a
// change would concern other domains, too.
boost::asio::awaitable<Result<std::string>> SiteService::name_of(std::string text, bool is_change) {
  const bool is_whole = text.find(':') != std::string::npos ||
                        text.find('*') != std::string::npos || text == relay::mailboxes_site;
  if (is_whole) co_return text.starts_with("mx:") ? lower(text) : text;
  if (!Mailbox::parse("postmaster@" + text))
    co_return fail(Fault::input, '\'' + printable(text, 200) + '\'',
                   "neither the name of a site, as `site list` shows it, nor a domain");
  co_await net::wait_for<bool>(
      [&](auto resume) { delivery_.find_site(text, [resume] { resume(true); }); });
  const auto known = delivery_.known_site_of(text);
  if (!known)
    co_return fail(Fault::input, printable(text, 200),
                   "the DNS does not name its mail exchangers now; name the site");
  const auto& site = *known;
  if (site.empty())
    co_return fail(Fault::input, printable(text, 200),
                   "no message to this domain leaves the server");
  if (!is_change || site == "mx:" + lower(text)) co_return site;
  co_return fail(Fault::input, printable(text, 200),
                 "messages to this domain go to the site " + site +
                     ", which may serve others, too; name that site");
}

// A name without `*` need not be in use: a site may be paused before the first message.
boost::asio::awaitable<std::string> SiteService::change(queue::SiteRequest what,
                                                        const std::vector<std::string>& names,
                                                        const ControlPeer& peer) {
  std::vector<std::string> found;
  for (const auto& site : co_await find()) {
    const bool is_meant = is_named(site, names);
    const bool is_to_do = what != queue::SiteRequest::release || site.is_held || site.is_down ||
                          site.left.count() > 0;
    if (is_meant && is_to_do) found.push_back(site.name);
  }
  for (const auto& name : names) {
    if (what != queue::SiteRequest::hold || name.find('*') != std::string::npos) continue;
    for (auto& one : delivery_.sites_with_sources(name))
      if (std::find(found.begin(), found.end(), one) == found.end())
        found.push_back(std::move(one));
  }
  if (found.empty()) co_return ok_line(0);
  co_await net::wait_for<bool>(
      [&](auto resume) { delivery_.request_sites(what, found, [resume] { resume(true); }); });
  for (const auto& name : found) {
    queue::site_request_served(log_, what, name);
    if (!co_await peer.write(printable(name, 300) + '\n')) break;
  }
  if (const auto saved = known_.save(co_await find()); !saved)
    (void)co_await peer.write(
        "warning " + printable("it is lost when the server ends: " + saved.error().text()) + '\n');
  co_return ok_line(found.size());
}

boost::asio::awaitable<std::string> SiteService::answer(std::string_view request,
                                                        ControlPeer peer) {
  const auto words = split(request, ' ');
  const bool is_show = words.front() == "show" && words.size() > 2;
  const bool is_list = is_show || (words.front() == "list" && words.size() > 1);
  std::vector<std::string> names;
  for (std::size_t i = is_list ? 2 : 1; i < words.size(); ++i)
    if (const auto text = percent_decode(words[i]); text && !text->empty()) {
      auto name = co_await name_of(*text, !is_list);
      if (!name) co_return refused_line(name.error().text());
      names.push_back(std::move(*name));
    }
  if (const auto what = site_request_of(words.front())) {
    if (names.empty()) co_return "refused the name of a site is missing\n";
    co_return co_await change(*what, names, peer);
  }
  if (!is_list) co_return "refused unknown request\n";
  std::size_t count = 0;
  std::string text;
  for (const auto& site : co_await find(is_show ? names : std::vector<std::string>())) {
    if (!is_named(site, names)) continue;
    text += words[1] == "json" ? site_json(site) : is_show ? site_facts(site) : site_text(site);
    ++count;
  }
  if (!text.empty() && !co_await peer.write(std::move(text))) co_return std::string();
  co_return ok_line(count);
}

std::optional<Sites> SiteService::find_within(std::chrono::milliseconds patience) {
  const auto found = std::make_shared<std::promise<Sites>>();
  delivery_.find_sites([found](Sites sites) { found->set_value(std::move(sites)); });
  auto sites = found->get_future();
  if (sites.wait_for(patience) != std::future_status::ready) return std::nullopt;
  return sites.get();
}

void SiteService::save() {
  if (const auto sites = find_within(save_patience)) keep(*sites);
}

void SiteService::save_later(const boost::asio::any_io_executor& loop) {
  delivery_.find_sites([this, loop](Sites sites) {
    boost::asio::post(loop, [this, sites = std::move(sites)] { keep(sites); });
  });
}

void SiteService::keep(const Sites& sites) {
  if (const auto saved = known_.save(sites); !saved) server_in_trouble(log_, saved.error().text());
}

}  // namespace postroad::daemon
