// See reporter.hpp.
#include "relay/tlsrpt/reporter.hpp"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <map>
#include <thread>

#include "http/post.hpp"
#include "net/as_values.hpp"
#include "net/run_context.hpp"
#include "queue/schedule.hpp"
#include "relay/tlsrpt/policy_record.hpp"

namespace postroad::relay::tlsrpt {

namespace asio = boost::asio;
using asio::awaitable;

namespace {

constexpr std::size_t most_under_way = 10;  // reports
constexpr std::chrono::hours longest_pause{4};
constexpr std::uint16_t https_port = 443;
constexpr std::chrono::milliseconds first_turn{1000};
using net::as_values;

using Key = Tally::Key;
using Kind = ReportResult::Kind;
using Each = std::function<void(const ReportResult&)>;
using Place = std::pair<std::int64_t, std::string>;  // the begin of the period, and the domain

// The same after a restart: FNV-1a.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 14695981039346656037U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

// The parts that one attempt needs: a change does not disturb it.
struct Setup {
  ReporterSettings settings;
  Reporter::Parts parts;
  std::unique_ptr<dns::Resolver> resolver{};  // once a report is due

  [[nodiscard]] dns::Time deadline() const {
    return std::chrono::steady_clock::now() + settings.timeout;
  }
  Result<dns::Resolver*> open_resolver(const asio::any_io_executor& executor) {
    if (resolver) return resolver.get();
    auto made = parts.make_resolver(executor);
    if (!made) return made.error();
    resolver = std::move(*made);
    return resolver.get();
  }
};

using SetupPtr = std::shared_ptr<Setup>;

// The same after a restart.
std::int64_t due(const Key& key, const ReporterSettings& settings) {
  const auto most = static_cast<std::uint64_t>(settings.delay.count());
  const auto seed = std::to_string(key.begin) + ' ' + key.domain + ' ' + settings.from.host;
  return key.end + (most == 0 ? 0 : static_cast<std::int64_t>(hash_of(seed) % most));
}

Result<std::string> queue(const Setup& setup, const Report& report, const std::string& uri) {
  const auto to = address_of(uri);
  if (!to) return fail(Fault::input, {}, "it names no address");
  auto queued = setup.parts.queue(report_message(report, setup.settings.from, *to), *to,
                                  setup.settings.lifetime);
  return queued ? Result<std::string>("queued as " + *queued) : queued;
}

awaitable<Result<std::string>> post(SetupPtr setup, const Report& report, std::string uri) {
  const auto url = http::parse_service(uri);
  if (!url) co_return url.error();
  if (!url->login.empty()) co_return fail(Fault::input, {}, "it contains a login");
  auto hosts = setup->settings.https;
  hosts.port = url->port == 0 ? https_port : url->port;
  const auto until = setup->deadline();
  auto stream = co_await tls::connect_https(*setup->resolver, url->host, std::move(hosts), until);
  if (!stream) co_return stream.error();
  const auto body = compress(report_json(report, setup->settings.from));
  const auto status = co_await http::post_over(*stream, *url, report_type, body, until);
  stream->close();
  if (!status) co_return status.error();
  if (*status / 100 == 3)
    co_return fail(Fault::refused, {},
                   "the status is " + std::to_string(*status) + ": redirects are not followed");
  if (*status / 100 != 2)
    co_return fail(Fault::refused, {}, "the status is " + std::to_string(*status));
  co_return "posted: status " + std::to_string(*status);
}

awaitable<ReportResult> send_to(SetupPtr setup, const Report& report, std::string uri) {
  auto sent =
      uri.starts_with("mailto:") ? queue(*setup, report, uri) : co_await post(setup, report, uri);
  if (sent) co_return ReportResult{report.domain, uri, Kind::sent, *sent};
  const auto kind = sent.error().fault == Fault::input ? Kind::given_up : Kind::put_off;
  co_return ReportResult{report.domain, uri, kind, sent.error().text()};
}

}  // namespace

struct Reporter::State {
  explicit State(Tally& counted) : tally(counted) {}

  // The attempts to send one report so far.
  struct Progress {
    bool is_under_way = false;
    unsigned failures = 0;
    std::int64_t next = 0;  // Unix milliseconds
  };
  // One round of sending: workers share the list.
  struct Round {
    SetupPtr setup;
    std::vector<Key> keys{};
    std::size_t next = 0;
    std::size_t results = 0;
    Each each{};
    std::function<void(std::size_t)> done{};
    ~Round() {
      if (done) done(results);
    }
  };

  awaitable<void> keep();
  awaitable<void> send_due();
  void turn(bool at_once);
  [[nodiscard]] std::vector<Key> due_keys(bool all) const;
  void begin(const std::shared_ptr<Round>& round);
  awaitable<void> work(std::shared_ptr<Round> round);
  awaitable<bool> send(Key key, Round& round);
  awaitable<bool> send_to_all(const Key& key, Round& round, const std::vector<std::string>& uris);
  static void tell(Round& round, const ReportResult& result);
  bool put_off(const Key& key, Round& round, ReportResult result);
  void check(Round& round, const Result<void>& kept) const;

  asio::io_context context{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard = asio::make_work_guard(context);
  // Here, so that a lack of descriptors is met by the constructor.
  asio::steady_timer next_turn{context};
  asio::steady_timer next_round{context};
  Tally& tally;
  SetupPtr setup;  // null: nothing is sent
  std::map<Place, Progress> progress;
  std::size_t workers = 0;
  bool has_told_of_disk = false;
  bool has_told_of_room = false;
  std::thread thread;
};

Reporter::Reporter(Tally& tally) : state_(std::make_shared<State>(tally)) {
  auto* state = state_.get();
  asio::co_spawn(state->context, state->keep(), asio::detached);
  asio::co_spawn(state->context, state->send_due(), asio::detached);
  state->thread = std::thread([state] { net::run_context(state->context); });
}

Reporter::~Reporter() {
  state_->context.stop();
  state_->thread.join();
  (void)state_->tally.turn(queue::now_ms());
}

void Reporter::change(ReporterSettings settings, Parts parts) {
  auto made = std::make_shared<Setup>(Setup{std::move(settings), std::move(parts)});
  asio::post(state_->context,
             [state = state_.get(), made = std::move(made)] { state->setup = made; });
}

void Reporter::State::turn(bool at_once) {
  const auto kept = tally.turn(queue::now_ms(), at_once);
  if (!setup) return;
  const bool is_news = !kept && !has_told_of_disk;
  has_told_of_disk = !kept;
  if (is_news && setup->parts.tell) setup->parts.tell({{}, {}, Kind::put_off, kept.error().text()});
  const auto left_out = tally.take_left_out();
  if (left_out > 0 && !std::exchange(has_told_of_room, true) && setup->parts.tell_left_out)
    setup->parts.tell_left_out(left_out);
  if (left_out == 0) has_told_of_room = false;
}

awaitable<void> Reporter::State::keep() {
  for (;;) {
    const auto now = queue::now_ms();
    const std::chrono::milliseconds until_midnight(end_of_day(now) - now);
    const auto flush = setup ? setup->settings.flush : first_turn;
    next_turn.expires_after(std::min<std::chrono::milliseconds>(flush, until_midnight));
    (void)co_await next_turn.async_wait(as_values);
    try {
      turn(false);
    } catch (const std::exception&) {  // no memory: the next turn may have it
    }
  }
}

awaitable<void> Reporter::State::send_due() {
  for (;;) {
    try {
      if (setup && setup->settings.enabled && workers == 0) {
        auto round = std::make_shared<Round>(Round{setup});
        round->keys = due_keys(false);
        begin(round);
      }
    } catch (const std::exception&) {  // no memory: the next turn may have it
    }
    next_round.expires_after(setup ? std::min(setup->settings.flush, setup->settings.pause)
                                   : first_turn);
    (void)co_await next_round.async_wait(as_values);
  }
}

std::vector<Key> Reporter::State::due_keys(bool all) const {
  const auto now = queue::now_ms();
  std::vector<Key> found;
  for (auto& key : tally.keys()) {
    const auto known = progress.find({key.begin, key.domain});
    const bool is_known = known != progress.end();
    const bool is_busy = is_known && known->second.is_under_way;
    const bool waits = is_known && known->second.next > now;
    const bool is_due = all || (!waits && due(key, setup->settings) <= now);
    if (key.has_ended && !is_busy && is_due) found.push_back(std::move(key));
  }
  return found;
}

void Reporter::State::begin(const std::shared_ptr<Round>& round) {
  for (const auto& key : round->keys) progress[{key.begin, key.domain}].is_under_way = true;
  for (std::size_t i = 0; i < std::min(most_under_way, round->keys.size()); ++i)
    asio::co_spawn(context, work(round), asio::detached);
}

awaitable<void> Reporter::State::work(std::shared_ptr<Round> round) {
  ++workers;
  while (round->next < round->keys.size()) {
    const auto key = round->keys[round->next++];
    const Place place{key.begin, key.domain};
    try {
      if (co_await send(key, *round)) {
        check(*round, tally.settle(key));
        progress.erase(place);
      }
    } catch (const std::exception& error) {  // no memory
      put_off(key, *round, {key.domain, {}, Kind::put_off, error.what()});
    }
    if (const auto known = progress.find(place); known != progress.end())
      known->second.is_under_way = false;
  }
  --workers;
}

void Reporter::State::check(Round& round, const Result<void>& kept) const {
  if (!kept) tell(round, {{}, {}, Kind::put_off, kept.error().text()});
}

void Reporter::State::tell(Round& round, const ReportResult& result) {
  const auto& parts = round.setup->parts;
  if (result.kind != Kind::not_wanted && parts.tell) parts.tell(result);
  if (result.domain.empty()) return;
  ++round.results;
  if (round.each) round.each(result);
}

// True: it is given up.
bool Reporter::State::put_off(const Key& key, Round& round, ReportResult result) {
  const auto& settings = round.setup->settings;
  const auto now = queue::now_ms();
  const bool is_last = now > due(key, settings) + settings.lifetime.count();
  result.kind = is_last ? Kind::given_up : Kind::put_off;
  auto& state = progress[{key.begin, key.domain}];
  const auto doublings = std::min(state.failures, 10U);
  const auto pause =
      std::min<std::chrono::milliseconds>(settings.pause * (1U << doublings), longest_pause);
  state.next = now + pause.count();
  tell(round, result);
  return is_last;
}

// True: the report is settled.
awaitable<bool> Reporter::State::send(Key key, Round& round) {
  const auto put = [&](std::string why) {
    const bool is_over = put_off(key, round, {key.domain, {}, Kind::put_off, std::move(why)});
    ++progress[{key.begin, key.domain}].failures;
    return is_over;
  };
  auto opened = round.setup->open_resolver(context.get_executor());
  if (!opened) co_return put(opened.error().text());
  const auto name = record_name(key.domain);
  const auto answer = co_await (*opened)->txt(name, round.setup->deadline());
  const bool is_name = answer || answer.error().fault != Fault::input;  // it may be too long
  if (!answer && is_name) co_return put(answer.error().text());
  const bool is_unknown = answer && (answer->status == dns::Status::temporary_failure ||
                                     answer->status == dns::Status::bogus);
  if (is_unknown) co_return put("the DNS does not answer for " + name);
  const auto wanted = answer ? report_uris(answer->records) : ReportUris{};
  if (!wanted.uris.empty()) co_return co_await send_to_all(key, round, wanted.uris);
  tell(round, {key.domain,
               {},
               Kind::not_wanted,
               wanted.fault.empty() ? "no record " + name + " asks for reports"
                                    : "the record " + name + ' ' + wanted.fault});
  co_return true;
}

awaitable<bool> Reporter::State::send_to_all(const Key& key, Round& round,
                                             const std::vector<std::string>& uris) {
  const auto report = tally.report(key);
  if (!report) co_return true;
  bool is_settled = true;
  for (const auto& uri : uris) {
    if (tally.was_sent(key, uri)) continue;
    auto result = co_await send_to(round.setup, *report, uri);
    if (result.kind == Kind::put_off) {
      is_settled = put_off(key, round, std::move(result)) && is_settled;
      continue;
    }
    check(round, tally.note_sent(key, uri));
    tell(round, result);
  }
  if (!is_settled) ++progress[{key.begin, key.domain}].failures;
  co_return is_settled;
}

void Reporter::send_now(Each each, std::function<void(std::size_t)> done) {
  auto round = std::make_shared<State::Round>();
  round->each = std::move(each);
  round->done = std::move(done);
  asio::post(state_->context, [state = state_.get(), round = std::move(round)] {
    if (!state->setup) return;
    round->setup = state->setup;
    state->turn(true);
    round->keys = state->due_keys(true);
    state->begin(round);
  });
}

}  // namespace postroad::relay::tlsrpt
