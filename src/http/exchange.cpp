// Beast parses the answer. It costs 17 s of compile time per unit: this is the only one that
// includes it. See exchange.hpp.
#include "http/exchange.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "base/text.hpp"

namespace postroad::http {

namespace asio = boost::asio;
namespace beast = boost::beast::http;

namespace {

constexpr std::uint32_t most_header = 65536;
constexpr unsigned most_interim = 10;

using Parser = beast::response_parser<beast::string_body>;

Error not_http(const boost::system::error_code& error) {
  if (error == beast::error::body_limit)
    return fail(Fault::protocol, {}, "the answer is longer than allowed");
  if (error == beast::error::header_limit)
    return fail(Fault::protocol, {}, "the header of the answer has no end");
  if (error == beast::error::partial_message || error == beast::error::end_of_stream)
    return fail(Fault::closed, {}, "the service closed the connection");
  return fail(Fault::protocol, {}, "the answer is not HTTP/1.1");
}

// Takes what the parser can use off the front of `bytes`.
boost::system::error_code feed(Parser& parser, std::string& bytes) {
  boost::system::error_code error;
  while (!bytes.empty() && !parser.is_done() && !error) {
    const auto used = parser.put(asio::buffer(bytes), error);
    bytes.erase(0, used);
    if (used == 0 && !error) break;
  }
  return error == beast::error::need_more ? boost::system::error_code() : error;
}

asio::awaitable<Result<void>> write_all(net::Stream& stream, std::string_view bytes,
                                        proto::Time deadline) {
  while (!bytes.empty()) {
    const auto count = co_await stream.write(bytes, deadline);
    if (!count) co_return count.error();
    bytes.remove_prefix(*count);
  }
  co_return Result<void>();
}

// Reads one answer. `bytes`: what has been read already, then what follows the answer.
asio::awaitable<Result<void>> read_answer(net::Stream& stream, Parser& parser, std::string& bytes,
                                          proto::Time deadline) {
  char part[4096];
  for (;;) {
    if (const auto error = feed(parser, bytes)) co_return not_http(error);
    if (parser.is_done()) co_return Result<void>();
    // A line of a chunk or trailer without an end, which the parser has no limit for.
    if (bytes.size() > most_header)
      co_return fail(Fault::protocol, {}, "a line of the answer has no end");
    // A peer that is fast enough is never waited for.
    if (proto::Clock::now() >= deadline)
      co_return fail(Fault::timeout, {}, "no whole answer in time");
    const auto count = co_await stream.read(part, deadline);
    if (!count) co_return count.error();
    bytes.append(part, *count);
    if (*count > 0) continue;
    boost::system::error_code error;
    if (parser.is_header_done()) parser.put_eof(error);
    if (error || !parser.is_done())
      co_return fail(Fault::closed, {}, "the service closed the connection");
    co_return Result<void>();
  }
}

}  // namespace

asio::awaitable<Result<Answer>> exchange(net::Stream& stream, std::string_view request,
                                         std::size_t most, proto::Time deadline) {
  const auto written = co_await write_all(stream, request, deadline);
  if (!written) co_return written.error();
  std::string bytes;
  for (unsigned turn = 0; turn < most_interim; ++turn) {
    Parser parser;
    parser.header_limit(most_header);
    most > 0 ? parser.body_limit(most) : parser.skip(true);
    parser.eager(true);
    const auto read = co_await read_answer(stream, parser, bytes, deadline);
    if (!read) co_return read.error();
    auto& message = parser.get();
    if (message.result_int() < 100 || message.result_int() > 599)
      co_return fail(Fault::protocol, {}, "the answer is not HTTP/1.1");
    if (message.result_int() < 200) continue;
    Answer answer;
    answer.status = message.result_int();
    const std::string type(message[beast::field::content_type]);
    answer.type = lower(type.substr(0, type.find_first_of("; \t")));
    answer.body = std::move(message.body());
    co_return answer;
  }
  co_return fail(Fault::protocol, {}, "the service sends interim answers without an end");
}

std::string host_field(const std::string& host, std::uint16_t port, std::uint16_t usual_port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  std::string text = is_v6 ? '[' + host + ']' : host;
  if (port != usual_port) text += ':' + std::to_string(port);
  return text;
}

}  // namespace postroad::http
