// The JSON of a report, its compression, and the message that carries it.
#include "relay/tlsrpt/report.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

namespace postroad::relay::tlsrpt {
namespace {

const Submitter submitter{"mx.example.net", "Example \"Net\"", "tls@example.net"};

Report example() {
  Report report{"a.example", 1'764'547'200'000, 1'764'633'600'000, {}};
  auto& sts = report.counts[{"sts", "a.example", {"version: STSv1"}, {"*.a.example"}}];
  sts.successful = 5;
  sts.failed = 3;
  sts.failures[{"certificate-expired", "192.0.2.1", "mx.a.example", "192.0.2.2", "old"}] = 2;
  sts.failures[{"validation-failure"}] = 1;
  report.counts[{"no-policy-found", "a.example"}].successful = 1;
  return report;
}

std::string expand(const std::string& bytes) {
  z_stream stream{};
  EXPECT_EQ(::inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(::inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  ::inflateEnd(&stream);
  return out;
}

TEST(Report, IsTheJsonOfRfc8460) {
  EXPECT_EQ(
      report_json(example(), submitter),
      R"({"organization-name":"Example \"Net\"",)"
      R"("date-range":{"start-datetime":"2025-12-01T00:00:00Z","end-datetime":"2025-12-02T00:00:00Z"},)"
      R"("contact-info":"tls@example.net","report-id":"1764547200.1764633600.a.example@mx.example.net",)"
      R"("policies":[{"policy":{"policy-type":"no-policy-found","policy-domain":"a.example"},)"
      R"("summary":{"total-successful-session-count":1,"total-failure-session-count":0}},)"
      R"({"policy":{"policy-type":"sts","policy-string":["version: STSv1"],)"
      R"("policy-domain":"a.example","mx-host":["*.a.example"]},)"
      R"("summary":{"total-successful-session-count":5,"total-failure-session-count":3},)"
      R"("failure-details":[{"result-type":"certificate-expired","sending-mta-ip":"192.0.2.1",)"
      R"("receiving-mx-hostname":"mx.a.example","receiving-ip":"192.0.2.2",)"
      R"("failed-session-count":2,"failure-reason-code":"old"},)"
      R"({"result-type":"validation-failure","failed-session-count":1}]}]})"
      "\n");
}

TEST(Report, IsCompressed) {
  for (const auto& text : {std::string(), std::string(100'000, 'x'), std::string("\0\xff", 2)})
    EXPECT_EQ(expand(compress(text)), text);
}

TEST(Report, IsAMessage) {
  auto message = report_message(example(), submitter, "reports@a.example");
  ASSERT_FALSE(message.error());
  const auto source = message.source({.host = "mx.example.net"});
  ASSERT_TRUE(source);
  std::string text;
  for (;;) {
    const auto chunk = (*source)->next();
    ASSERT_TRUE(chunk);
    if (chunk->empty()) break;
    text += *chunk;
  }
  for (const auto* part :
       {"From: tls@example.net\r\n", "To: reports@a.example\r\n",
        "TLS-Report-Domain: a.example\r\n", "TLS-Report-Submitter: mx.example.net\r\n",
        "TLS-Required: No\r\n", "report-type=tlsrpt", "application/tlsrpt+gzip",
        "mx.example.net!a.example!1764547200!1764633600.json.gz",
        "Sessions with the TLS that was expected: 6\r\n", "Sessions without it: 3\r\n"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

}  // namespace
}  // namespace postroad::relay::tlsrpt
