// Messages of RFC 1035 section 4, as few of their parts as a resolver needs. See
// test_name_server.hpp.
#include "dns/testing/test_name_server.hpp"

#include <boost/asio/buffer.hpp>

#include "dns/names.hpp"

namespace postroad::dns {

using boost::asio::ip::udp;

namespace {

constexpr std::size_t header_size = 12;
constexpr unsigned response_flags = 0x8180;  // QR, RD, RA
constexpr unsigned nxdomain = 3;
constexpr unsigned servfail = 2;
constexpr unsigned refused = 5;
constexpr std::uint16_t type_cname = 5;

void append(std::string& out, std::size_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift & 255);
}

void append_record(std::string& out, const std::string& owner, std::uint16_t type,
                   const AnswerInfo& info, const std::string& data) {
  out += owner;
  append(out, type, 2);
  append(out, 1, 2);  // IN
  append(out, static_cast<std::size_t>(info.ttl.count()), 4);
  append(out, data.size(), 2);
  out += data;
}

unsigned code_of(const Response& response) {
  if (response.status == Status::no_domain) return nxdomain;
  if (response.status == Status::records || response.status == Status::no_data) return 0;
  return response.reason == "REFUSED" ? refused : servfail;
}

}  // namespace

TestNameServer::TestNameServer(boost::asio::io_context& context)
    : socket_(context, udp::endpoint(boost::asio::ip::address_v4::loopback(), 0)) {
  receive();
}

std::string TestNameServer::address() const {
  return "127.0.0.1@" + std::to_string(socket_.local_endpoint().port());
}

void TestNameServer::receive() {
  socket_.async_receive_from(boost::asio::buffer(buffer_), peer_,
                             [this](const boost::system::error_code& error, std::size_t size) {
                               if (error) return;  // also when this object is gone
                               ++queries_;
                               const auto reply = reply_to({buffer_.data(), size});
                               boost::system::error_code ignored;
                               if (!is_silent_ && !reply.empty())
                                 socket_.send_to(boost::asio::buffer(reply), peer_, 0, ignored);
                               receive();
                             });
}

std::string TestNameServer::reply_to(std::string_view query) const {
  if (query.size() < header_size) return {};
  auto rest = query.substr(header_size);
  const auto name = take_name(rest);
  if (!name || rest.size() < 4) return {};
  const auto type = static_cast<RecordType>(static_cast<unsigned char>(rest[0]) << 8 |
                                            static_cast<unsigned char>(rest[1]));
  const auto question = query.substr(header_size, query.size() - header_size - rest.size() + 4);
  const auto response = script_.find(*name, type);
  std::string records;
  std::size_t count = response.data.size();
  std::string owner = name_data(*name);
  if (!response.canonical_name.empty()) {
    const auto target = name_data(response.canonical_name);
    append_record(records, owner, type_cname, response, target);
    owner = target;
    ++count;
  }
  for (const auto& data : response.data)
    append_record(records, owner, static_cast<std::uint16_t>(type), response, data);
  std::string reply(query.substr(0, 2));
  append(reply, response_flags | code_of(response), 2);
  append(reply, 1, 2);
  append(reply, count, 2);
  append(reply, 0, 4);
  return reply.append(question) + records;
}

}  // namespace postroad::dns
