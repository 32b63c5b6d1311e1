// See tlsrpt_service.hpp.
#include "daemon/tlsrpt_service.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "base/percent.hpp"
#include "base/text.hpp"
#include "net/as_values.hpp"
#include "observe/sinks.hpp"

namespace postroad::daemon {

using boost::asio::awaitable;
using observe::json_string;

namespace {

using relay::tlsrpt::Report;
using relay::tlsrpt::ReportResult;

std::string_view word_of(ReportResult::Kind kind) {
  switch (kind) {
    case ReportResult::Kind::sent:
      return "sent";
    case ReportResult::Kind::not_wanted:
      return "not wanted";
    case ReportResult::Kind::put_off:
      return "put off";
    case ReportResult::Kind::given_up:
      break;
  }
  return "given up";
}

std::string line_of(const ReportResult& result, bool as_json) {
  if (as_json)
    return fmt::format(R"({{"domain":{},"uri":{},"result":"{}","text":{}}})",
                       json_string(result.domain),
                       result.uri.empty() ? "null" : json_string(result.uri), word_of(result.kind),
                       json_string(result.text)) +
           '\n';
  return printable(result.domain, 300) + ": " + std::string(word_of(result.kind)) +
         (result.uri.empty() ? "" : " to " + printable(result.uri, 1000)) + ": " +
         printable(result.text, 1000) + '\n';
}

std::string text_of(const Report& report, bool has_ended) {
  auto text = printable(report.domain, 300) + "  " + observe::format_time(report.begin) + " to " +
              (has_ended ? observe::format_time(report.end) : std::string("now")) + '\n';
  for (const auto& [policy, sessions] : report.counts) {
    text += fmt::format("  {} of {}: {} sessions, {} failed\n", policy.type,
                        printable(policy.domain, 300), sessions.successful + sessions.failed,
                        sessions.failed);
    for (const auto& [failure, count] : sessions.failures)
      text += fmt::format("    {} {} {}{}: {}\n", count, failure.type, printable(failure.host, 300),
                          failure.to.empty() ? "" : " [" + failure.to + ']',
                          printable(failure.reason, 500));
  }
  return text;
}

}  // namespace

awaitable<std::string> TlsrptService::answer(std::string request, ControlPeer peer) {
  const auto words = split(request, ' ');
  const bool as_json = words.size() > 1 && words[1] == "json";
  std::vector<std::string> names;
  for (std::size_t i = 2; i < words.size(); ++i) {
    const auto name = percent_decode(words[i]);
    if (name && !name->empty()) names.push_back(relay::canonical_domain(*name));
  }
  if (words.front() == "show") co_return co_await show(std::move(names), as_json, peer);
  if (words.front() == "send") co_return co_await send(as_json, peer);
  co_return "refused unknown request\n";
}

awaitable<std::string> TlsrptService::show(std::vector<std::string> names, bool as_json,
                                           ControlPeer peer) {
  std::size_t count = 0;
  const auto& counts = delivery_.tls_counts();
  for (const auto& key : counts.keys()) {
    const bool is_wanted =
        names.empty() || std::find(names.begin(), names.end(), key.domain) != names.end();
    const auto report = is_wanted ? counts.report(key) : std::nullopt;
    if (!report) continue;
    const auto text = as_json ? report_json(*report, from_()) : text_of(*report, key.has_ended);
    if (!co_await peer.write(text)) co_return std::string();
    ++count;
  }
  co_return ok_line(count);
}

namespace {

// Results on their way from the reporter's thread. The timer rings for each; a line without text
// tells the command every few seconds that the server goes on.
struct Results {
  explicit Results(const boost::asio::any_io_executor& executor) : bell(executor) {}
  boost::asio::steady_timer bell;
  std::string lines{};
  std::optional<std::size_t> count{};
};

}  // namespace

awaitable<std::string> TlsrptService::send(bool as_json, ControlPeer peer) {
  const auto loop = co_await boost::asio::this_coro::executor;
  const auto results = std::make_shared<Results>(loop);
  const auto tell = [loop, results](std::string line, std::optional<std::size_t> count) {
    boost::asio::post(loop, [results, line = std::move(line), count] {
      results->lines += line;
      results->count = count;
      results->bell.cancel();
    });
  };
  const bool begun = delivery_.send_tls_reports(
      [tell, as_json](const ReportResult& result) { tell(line_of(result, as_json), {}); },
      [tell](std::size_t count) { tell({}, count); });
  if (!begun)
    co_return "refused no reports are sent: set tlsrpt.enabled, and a way to mail exchangers "
              "(mx.enabled)\n";
  while (!results->count || !results->lines.empty()) {
    if (results->lines.empty()) {
      results->bell.expires_after(std::chrono::seconds(5));
      (void)co_await results->bell.async_wait(net::as_values);
    }
    auto lines = std::exchange(results->lines, {});
    if (lines.empty()) lines = "\n";
    if (!co_await peer.write(lines)) co_return std::string();
  }
  co_return ok_line(*results->count);
}

}  // namespace postroad::daemon
