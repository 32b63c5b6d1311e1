// See report.hpp.
#include "relay/tlsrpt/report.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <zlib.h>

#include <chrono>
#include <new>

#include "observe/sinks.hpp"

namespace postroad::relay::tlsrpt {

namespace {

using observe::json_list;
using observe::json_string;

// RFC 3339, whole seconds.
std::string time_of(std::int64_t when) {
  const std::chrono::sys_seconds time{std::chrono::seconds(when / 1000)};
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", time);
}

std::string json_of(const Failure& failure, std::uint64_t count) {
  auto text = R"({"result-type":)" + json_string(failure.type);
  const auto add = [&text](const char* name, const std::string& value) {
    if (!value.empty()) text += fmt::format(",\"{}\":{}", name, json_string(value));
  };
  add("sending-mta-ip", failure.from);
  add("receiving-mx-hostname", failure.host);
  add("receiving-ip", failure.to);
  text += fmt::format(",\"failed-session-count\":{}", count);
  add("failure-reason-code", failure.reason);
  return text + '}';
}

std::string json_of(const Policy& policy, const Sessions& sessions) {
  auto text = fmt::format(R"({{"policy":{{"policy-type":{})", json_string(policy.type));
  if (!policy.strings.empty()) text += R"(,"policy-string":)" + json_list(policy.strings);
  text += R"(,"policy-domain":)" + json_string(policy.domain);
  if (!policy.mx.empty()) text += R"(,"mx-host":)" + json_list(policy.mx);
  text += fmt::format(
      R"(}},"summary":{{"total-successful-session-count":{},"total-failure-session-count":{}}})",
      sessions.successful, sessions.failed);
  std::string details;
  for (const auto& [failure, count] : sessions.failures)
    details += (details.empty() ? "" : ",") + json_of(failure, count);
  if (!details.empty()) text += R"(,"failure-details":[)" + details + ']';
  return text + '}';
}

std::string file_name(const Report& report, const Submitter& from) {
  return fmt::format("{}!{}!{}!{}.json.gz", from.host, report.domain, report.begin / 1000,
                     report.end / 1000);
}

std::string text_for_people(const Report& report, const Submitter& from) {
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  for (const auto& [policy, sessions] : report.counts) {
    successful += sessions.successful;
    failed += sessions.failed;
  }
  return fmt::format(
      "This is a report about TLS (RFC 8460): {} counted the sessions in which it sent mail to\n"
      "{} from {} to {}.\n\n"
      "Sessions with the TLS that was expected: {}\n"
      "Sessions without it: {}\n\n"
      "The attachment has the details. You get this report because the DNS record\n"
      "_smtp._tls.{} asks for it.\n",
      from.host, report.domain, time_of(report.begin), time_of(report.end), successful, failed,
      report.domain);
}

}  // namespace

std::string report_id(const Report& report, const Submitter& from) {
  return fmt::format("{}.{}.{}@{}", report.begin / 1000, report.end / 1000, report.domain,
                     from.host);
}

std::string report_json(const Report& report, const Submitter& from) {
  auto text = fmt::format(
      R"({{"organization-name":{},"date-range":{{"start-datetime":"{}","end-datetime":"{}"}},)"
      R"("contact-info":{},"report-id":{},"policies":[)",
      json_string(from.organization), time_of(report.begin), time_of(report.end),
      json_string(from.contact), json_string(report_id(report, from)));
  bool is_first = true;
  for (const auto& [policy, sessions] : report.counts) {
    if (!is_first) text += ',';
    is_first = false;
    text += json_of(policy, sessions);
  }
  return text + "]}\n";
}

std::string compress(std::string_view bytes) {
  constexpr int gzip = 16;
  constexpr int default_memory = 8;
  z_stream stream{};
  if (::deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + gzip, default_memory,
                     Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  // zlib reads through a pointer that is not const.
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int ended = ::deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (ended != Z_STREAM_END) throw std::bad_alloc();  // the room that deflateBound gives is enough
  return out;
}

Message report_message(const Report& report, const Submitter& from, const std::string& to) {
  auto attachment = MimePart::bytes(report_type, compress(report_json(report, from)))
                        .attachment(file_name(report, from));
  auto text = MimePart::text("plain", text_for_people(report, from));
  Message message;
  message.from(from.contact)
      .to(to)
      .subject("Report Domain: " + report.domain + " Submitter: " + from.host + " Report-ID: <" +
               report_id(report, from) + '>')
      .header("TLS-Report-Domain", report.domain)
      .header("TLS-Report-Submitter", from.host)
      .header("TLS-Required", "No")
      .header("Auto-Submitted", "auto-generated")
      .content(MimePart::multipart("report", {std::move(text), std::move(attachment)})
                   .parameter("report-type", "tlsrpt"));
  return message;
}

}  // namespace postroad::relay::tlsrpt
