// Sends the reports about TLS of the periods that have ended (RFC 8460): asks the DNS who wants
// them, and hands them to the spool or posts them. It has a thread of its own, since composing
// waits for the disk. Not here: counting (tally.hpp), the report (report.hpp).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <postroad/message.hpp>
#include <postroad/result.hpp>
#include <string>
#include <vector>

#include "dns/resolver.hpp"
#include "relay/tls/https_connect.hpp"
#include "relay/tlsrpt/report.hpp"
#include "relay/tlsrpt/tally.hpp"

namespace postroad::relay::tlsrpt {

/// `[tlsrpt]`.
struct ReporterSettings {
  bool enabled = false;
  Submitter from{};
  /// Reports go out at a random time within this one after the end of their period.
  std::chrono::milliseconds delay{std::chrono::hours(4)};
  /// Between two attempts to send one; it doubles, up to four hours.
  std::chrono::milliseconds pause{std::chrono::minutes(15)};
  std::chrono::milliseconds lifetime{std::chrono::hours(24)};  ///< of attempts
  std::chrono::milliseconds timeout{std::chrono::minutes(1)};  ///< of one attempt
  std::chrono::milliseconds flush{std::chrono::seconds(10)};   ///< how often counts are written
  tls::HttpsHosts https{};
};

/// The end of one report, or of an attempt.
struct ReportResult {
  enum class Kind : std::uint8_t {
    sent,
    not_wanted,  ///< the domain has no record that asks for reports
    put_off,     ///< an attempt failed, and there will be another one
    given_up,
  };
  std::string domain;
  std::string uri{};  ///< where it went or could not go; empty: the DNS did not answer
  Kind kind = Kind::sent;
  std::string text{};  ///< "queued as ID", "status 200", or why not
};

class Reporter final {
 public:
  using MakeResolver =
      std::function<Result<std::unique_ptr<dns::Resolver>>(boost::asio::any_io_executor)>;
  /// Puts a message for one address into the spool; it is given up after `lifetime`. Waits for the
  /// disk. Returns its queue id.
  using Queue = std::function<Result<std::string>(const Message& message, const std::string& to,
                                                  std::chrono::milliseconds lifetime)>;
  /// Told of each result but `not_wanted`, and of a disk that cannot be written (an empty domain).
  using Tell = std::function<void(const ReportResult&)>;
  /// Told of sessions that were not counted.
  using TellLeftOut = std::function<void(std::uint64_t)>;
  struct Parts {
    MakeResolver make_resolver;
    Queue queue;
    Tell tell;
    TellLeftOut tell_left_out{};
  };

  /// The tally outlives it; the functions are called on its thread, until it ends. Nothing is sent
  /// before change(). Throws std::system_error without a thread or
  /// descriptors.
  explicit Reporter(Tally& tally);
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;
  /// Ends what is under way; writes what was counted.
  ~Reporter();

  /// From now on; what is under way ends as it began.
  void change(ReporterSettings settings, Parts parts);

  /// Ends the period under way and sends all reports that have not gone out. `each` is called for
  /// each result and `done` at the end with their number, on the thread of this; also if this ends.
  /// Reports that are being sent already are not among them.
  void send_now(std::function<void(const ReportResult&)> each,
                std::function<void(std::size_t)> done);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace postroad::relay::tlsrpt
