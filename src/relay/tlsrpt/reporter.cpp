// See reporter.hpp.
#include "relay/tlsrpt/reporter.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <map>
#include <set>
#include <thread>

#include "http/post.hpp"
#include "queue/schedule.hpp"
#include "relay/tlsrpt/policy_record.hpp"

namespace postroad::relay::tlsrpt {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr std::size_t most_under_way = 10;  // reports
constexpr std::chrono::hours longest_pause{4};
constexpr std::uint16_t https_port = 443;
constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

using Key = Tally::Key;
using Each = std::function<void(const ReportResult&)>;
using Place = std::pair<std::int64_t, std::string>;  // the begin of the period, and the domain

// The same after a restart: FNV-1a.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

}  // namespace

struct Reporter::State : std::enable_shared_from_this<Reporter::State> {
  State(Tally& counted, ReporterSettings of, Parts with)
      : tally(counted), settings(std::move(of)), parts(std::move(with)) {}

  // What became of a report so far.
  struct Progress {
    bool is_under_way = false;
    unsigned failures = 0;
    std::int64_t next = 0;         // Unix milliseconds
    std::set<std::string> done{};  // the URIs that have it
  };
  // One round of sending: workers share the list.
  struct Round {
    std::vector<Key> keys;
    std::size_t next = 0;
    std::size_t results = 0;
    Each each;
    std::function<void(std::size_t)> done;
    ~Round() {
      if (done) done(results);
    }
  };

  void run();
  awaitable<void> keep();
  awaitable<void> send_due();
  void turn(bool at_once);
  [[nodiscard]] std::int64_t due(const Key& key) const;
  [[nodiscard]] std::vector<Key> due_keys(bool all);
  void begin(const std::shared_ptr<Round>& round, std::vector<Key> keys);
  awaitable<void> work(std::shared_ptr<Round> round);
  awaitable<bool> send(Key key, Round& round);
  awaitable<ReportResult> send_to(const Report& report, std::string uri);
  [[nodiscard]] Result<std::string> queue(const Report& report, const std::string& uri) const;
  awaitable<Result<std::string>> post(const Report& report, const std::string& uri);
  void tell(Round& round, ReportResult result);
  void put_off(const Key& key, Round& round, ReportResult result);
  Result<dns::Resolver*> open_resolver();
  [[nodiscard]] dns::Time deadline() const {
    return std::chrono::steady_clock::now() + settings.timeout;
  }

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  Tally& tally;
  const ReporterSettings settings;
  const Parts parts;
  std::unique_ptr<dns::Resolver> resolver;  // once a report is due
  std::map<Place, Progress> progress;
  bool has_told_of_disk = false;
  std::thread thread;
};

Reporter::Reporter(Tally& tally, ReporterSettings settings, Parts parts)
    : state_(std::make_shared<State>(tally, std::move(settings), std::move(parts))) {
  auto* state = state_.get();
  asio::co_spawn(state->context, state->keep(), asio::detached);
  asio::co_spawn(state->context, state->send_due(), asio::detached);
  state->thread = std::thread([state] { state->run(); });
}

Reporter::~Reporter() {
  state_->context.stop();
  state_->thread.join();
  (void)state_->tally.turn(queue::now_ms());
}

// An exception, such as a lack of memory, ends the report that it met, not the thread.
void Reporter::State::run() {
  for (;;) {
    try {
      context.run();
      return;
    } catch (...) {
      continue;
    }
  }
}

void Reporter::State::turn(bool at_once) {
  const auto kept = tally.turn(queue::now_ms(), at_once);
  const bool is_news = !kept && !has_told_of_disk;
  has_told_of_disk = !kept;
  if (is_news && parts.tell) parts.tell({{}, {}, ReportResult::Kind::put_off, kept.error().text()});
}

awaitable<void> Reporter::State::keep() {
  asio::steady_timer timer(context);
  for (;;) {
    const auto now = queue::now_ms();
    const std::chrono::milliseconds until_midnight(end_of_day(now) - now);
    timer.expires_after(std::min(settings.flush, until_midnight));
    (void)co_await timer.async_wait(as_values);
    turn(false);
  }
}

awaitable<void> Reporter::State::send_due() {
  asio::steady_timer timer(context);
  for (;;) {
    begin(std::make_shared<Round>(), due_keys(false));
    timer.expires_after(std::min(settings.flush, settings.pause));
    (void)co_await timer.async_wait(as_values);
  }
}

std::int64_t Reporter::State::due(const Key& key) const {
  const auto most = static_cast<std::uint64_t>(settings.delay.count());
  const auto seed = std::to_string(key.begin) + ' ' + key.domain + ' ' + settings.from.host;
  return key.end + (most == 0 ? 0 : static_cast<std::int64_t>(hash_of(seed) % most));
}

std::vector<Key> Reporter::State::due_keys(bool all) {
  const auto now = queue::now_ms();
  std::vector<Key> found;
  for (auto& key : tally.keys()) {
    const auto known = progress.find({key.begin, key.domain});
    const bool is_known = known != progress.end();
    const bool waits = is_known && (known->second.is_under_way || known->second.next > now);
    const bool is_busy = is_known && known->second.is_under_way;
    if (!key.has_ended || (all ? is_busy : waits || due(key) > now)) continue;
    found.push_back(std::move(key));
  }
  return found;
}

void Reporter::State::begin(const std::shared_ptr<Round>& round, std::vector<Key> keys) {
  round->keys = std::move(keys);
  for (const auto& key : round->keys) progress[{key.begin, key.domain}].is_under_way = true;
  for (std::size_t i = 0; i < std::min(most_under_way, round->keys.size()); ++i)
    asio::co_spawn(context, work(round), asio::detached);
}

awaitable<void> Reporter::State::work(std::shared_ptr<Round> round) {
  while (round->next < round->keys.size()) {
    const auto key = round->keys[round->next++];
    const Place place{key.begin, key.domain};
    try {
      if (co_await send(key, *round)) {
        if (const auto kept = tally.settle(key); !kept)
          tell(*round, {{}, {}, ReportResult::Kind::put_off, kept.error().text()});
        progress.erase(place);
      }
    } catch (const std::exception& error) {  // no memory
      put_off(key, *round, {key.domain, {}, ReportResult::Kind::put_off, error.what()});
    }
    if (const auto known = progress.find(place); known != progress.end())
      known->second.is_under_way = false;
  }
}

void Reporter::State::tell(Round& round, ReportResult result) {
  if (result.kind != ReportResult::Kind::not_wanted && parts.tell) parts.tell(result);
  if (result.domain.empty()) return;
  ++round.results;
  if (round.each) round.each(result);
}

void Reporter::State::put_off(const Key& key, Round& round, ReportResult result) {
  auto& state = progress[{key.begin, key.domain}];
  const auto doublings = std::min(state.failures++, 10U);
  const auto pause =
      std::min<std::chrono::milliseconds>(settings.pause * (1U << doublings), longest_pause);
  state.next = queue::now_ms() + pause.count();
  tell(round, std::move(result));
}

Result<dns::Resolver*> Reporter::State::open_resolver() {
  if (resolver) return resolver.get();
  auto made = parts.make_resolver(context.get_executor());
  if (!made) return made.error();
  resolver = std::move(*made);
  return resolver.get();
}

// True: the report is settled.
awaitable<bool> Reporter::State::send(Key key, Round& round) {
  using Kind = ReportResult::Kind;
  const bool is_last = queue::now_ms() > due(key) + settings.lifetime.count();
  const auto failed = [&](ReportResult result) {
    result.kind = is_last ? Kind::given_up : Kind::put_off;
    is_last ? tell(round, std::move(result)) : put_off(key, round, std::move(result));
    return is_last;
  };
  const auto report = tally.report(key);
  if (!report) co_return true;
  auto opened = open_resolver();
  if (!opened) co_return failed({key.domain, {}, Kind::put_off, opened.error().text()});
  const auto answer = co_await (*opened)->txt(record_name(key.domain), deadline());
  if (!answer) co_return failed({key.domain, {}, Kind::put_off, answer.error().text()});
  const bool is_unknown =
      answer->status == dns::Status::temporary_failure || answer->status == dns::Status::bogus;
  if (is_unknown)
    co_return failed(
        {key.domain, {}, Kind::put_off, "the DNS does not answer for " + record_name(key.domain)});
  const auto uris = report_uris(answer->records);
  if (uris.empty()) {
    tell(round, {key.domain,
                 {},
                 Kind::not_wanted,
                 "no record " + record_name(key.domain) + " asks for reports"});
    co_return true;
  }
  bool is_settled = true;
  for (const auto& uri : uris) {
    if (progress[{key.begin, key.domain}].done.contains(uri)) continue;
    auto result = co_await send_to(*report, uri);
    if (result.kind == Kind::put_off) {
      is_settled = failed(std::move(result)) && is_settled;
      continue;
    }
    progress[{key.begin, key.domain}].done.insert(uri);
    tell(round, std::move(result));
  }
  co_return is_settled;
}

awaitable<ReportResult> Reporter::State::send_to(const Report& report, std::string uri) {
  using Kind = ReportResult::Kind;
  auto sent = uri.starts_with("mailto:") ? queue(report, uri) : co_await post(report, uri);
  if (sent) co_return ReportResult{report.domain, uri, Kind::sent, *sent};
  const auto kind = sent.error().fault == Fault::input ? Kind::given_up : Kind::put_off;
  co_return ReportResult{report.domain, uri, kind, sent.error().text()};
}

Result<std::string> Reporter::State::queue(const Report& report, const std::string& uri) const {
  const auto to = address_of(uri);
  if (!to) return fail(Fault::input, uri, "it names no address");
  auto queued = parts.queue(report_message(report, settings.from, *to), *to, settings.lifetime);
  return queued ? Result<std::string>("queued as " + *queued) : queued;
}

awaitable<Result<std::string>> Reporter::State::post(const Report& report, const std::string& uri) {
  const auto url = http::parse_service(uri);
  if (!url) co_return url.error();
  auto hosts = settings.https;
  hosts.port = url->port == 0 ? https_port : url->port;
  const auto until = deadline();
  auto stream = co_await tls::connect_https(*resolver, url->host, std::move(hosts), until);
  if (!stream) co_return stream.error();
  const auto body = compress(report_json(report, settings.from));
  const auto status = co_await http::post_over(*stream, *url, report_type, body, until);
  stream->close();
  if (!status) co_return status.error();
  if (*status / 100 != 2)
    co_return fail(Fault::refused, uri, "the status is " + std::to_string(*status));
  co_return "posted: status " + std::to_string(*status);
}

void Reporter::send_now(Each each, std::function<void(std::size_t)> done) {
  auto round = std::make_shared<State::Round>();
  round->each = std::move(each);
  round->done = std::move(done);
  asio::post(state_->context, [state = state_.get(), round = std::move(round)] {
    state->turn(true);
    state->begin(round, state->due_keys(true));
  });
}

}  // namespace postroad::relay::tlsrpt
