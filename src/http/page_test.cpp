// Requests of monitors, and of clients that do not speak HTTP.
#include "http/page.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace postroad::http {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

Page echo(std::string_view path) {
  return {.status = path == "/here" ? 200U : 404U, .text = std::string(path) + '\n'};
}

TEST(Page, GetAndHeadAreAnswered) {
  const auto page = respond("GET /here?a=b c=d HTTP/1.1\r\nHost: x\r\n\r\n", echo);
  EXPECT_THAT(page, StartsWith("HTTP/1.1 400 Bad Request\r\n")) << "a space in the target";
  EXPECT_EQ(respond("GET /here?a=b HTTP/1.1\r\nHost: x\r\n\r\n", echo),
            "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: no-store\r\nContent-Type: "
            "text/plain; charset=utf-8\r\nContent-Length: 6\r\n\r\n/here\n");
  const auto head = respond("HEAD /here HTTP/1.0\r\n\r\n", echo);
  EXPECT_THAT(head, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_THAT(head, EndsWith("\r\n\r\n"));
  EXPECT_THAT(respond("GET /else HTTP/1.1\r\n\r\n", echo), StartsWith("HTTP/1.1 404 Not Found"));
}

TEST(Page, OtherMethodsAndOtherProtocolsAreRefused) {
  const auto post = respond("POST /here HTTP/1.1\r\nContent-Length: 5\r\n\r\n", echo);
  EXPECT_THAT(post, StartsWith("HTTP/1.1 405 Method Not Allowed\r\n"));
  EXPECT_THAT(post, HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  for (const auto* head :
       {"", "\r\n\r\n", "GET\r\n\r\n", "GET /here\r\n\r\n", "GET  HTTP/1.1\r\n\r\n",
        "GET /here HTTP/2.0\r\n\r\n", "G\x01T /here HTTP/1.1\r\n\r\n", "EHLO mail.example\r\n\r\n",
        "GET /he\x01re HTTP/1.1\r\n\r\n"})
    EXPECT_THAT(respond(head, echo), StartsWith("HTTP/1.1 400 ")) << head;
  EXPECT_THAT(respond_too_long(), StartsWith("HTTP/1.1 431 "));
}

}  // namespace
}  // namespace postroad::http
