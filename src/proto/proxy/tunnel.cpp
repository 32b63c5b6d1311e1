// SOCKS5 and HTTP CONNECT; see tunnel.hpp.
#include "proto/proxy/tunnel.hpp"

#include <arpa/inet.h>

#include <array>
#include <utility>

#include "base/text.hpp"

namespace postroad::proxy {

using proto::Action;
using proto::Wish;

namespace {

constexpr std::size_t most_answer = 8192;
constexpr char version = '\x05';
constexpr char login_version = '\x01';
constexpr char no_login = '\0';
constexpr char by_password = '\x02';

std::string_view reason_of(unsigned char code) {
  static constexpr std::array<std::string_view, 9> reasons{
      "",
      "the proxy failed",
      "the proxy's rules do not allow it",
      "the network cannot be reached",
      "the host cannot be reached",
      "the connection was refused",
      "TTL expired",
      "the proxy does not support CONNECT",
      "the proxy does not support this address type"};
  return code < reasons.size() ? reasons[code] : "an unknown reason";
}

char low_byte(std::size_t number) { return static_cast<char>(number & 0xff); }

}  // namespace

TunnelMachine::TunnelMachine(TunnelOptions options)
    : options_(std::move(options)),
      state_(options_.kind == Kind::http ? State::http : State::method) {
  const auto& host = options_.host;
  constexpr std::size_t most_name = 255;  // bytes of a SOCKS5 name, user or password
  const bool too_long = host.size() > most_name || options_.user.size() > most_name ||
                        options_.password.reveal().size() > most_name;
  const bool breaks =
      std::any_of(host.begin(), host.end(), [](char c) { return is_control(c) || c == ' '; });
  if (host.empty() || too_long || breaks) {
    error_ = fail(Fault::input, options_.proxy,
                  "the host, user or password does not fit the proxy protocol");
    error_->stage = Stage::proxy;
    state_ = State::done;
    return;
  }
  if (options_.kind == Kind::socks5) {
    out_ = options_.user.empty() ? std::string{version, '\x01', no_login}
                                 : std::string{version, '\x02', no_login, by_password};
    return;
  }
  const bool v6 = host.find(':') != std::string::npos;
  const auto target = (v6 ? '[' + host + ']' : host) + ':' + std::to_string(options_.port);
  out_ = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (!options_.user.empty()) {
    secret_ = true;
    out_ += "Proxy-Authorization: Basic " +
            base64_encode(options_.user + ':' + std::string(options_.password.reveal())) + "\r\n";
  }
  out_ += "\r\n";
}

Action TunnelMachine::next(proto::Time) {
  if (state_ == State::done) return {};
  if (out_sent_ < out_.size())
    return {Wish::send, std::string_view(out_).substr(out_sent_), secret_, proto::Time::max()};
  return {Wish::receive, {}, false, proto::Time::max()};
}

void TunnelMachine::sent(std::size_t count) {
  out_sent_ += count;
  if (out_sent_ < out_.size()) return;
  out_.clear();
  out_sent_ = 0;
  secret_ = false;
}

void TunnelMachine::received(std::string_view bytes) {
  input_ += bytes;
  take();
  // The rest of the input belongs to the server.
  if (state_ != State::done && input_.size() > most_answer)
    give_up("the proxy's reply is too long");
}

void TunnelMachine::take() {
  switch (state_) {
    case State::method:
      return take_method();
    case State::login:
      return take_login();
    case State::request:
      return take_request();
    case State::http:
      return take_http();
    case State::done:
      return;
  }
}

void TunnelMachine::take_method() {
  if (input_.size() < 2) return;
  if (input_[0] != version) return give_up("the proxy does not speak SOCKS5");
  const char method = input_[1];
  input_.erase(0, 2);
  if (method == no_login) return put_request();
  if (options_.user.empty()) return give_up("the proxy requires a user and a password");
  if (method != by_password) return give_up("the proxy accepts none of the authentication methods");
  out_ = std::string{login_version, low_byte(options_.user.size())} + options_.user +
         low_byte(options_.password.reveal().size()) + std::string(options_.password.reveal());
  secret_ = true;
  state_ = State::login;
}

void TunnelMachine::take_login() {
  if (input_.size() < 2) return;
  if (input_[1] != '\0') return give_up("the proxy refused the user or the password");
  input_.erase(0, 2);
  put_request();
}

// VER CMD RSV ATYP DST.ADDR DST.PORT       RFC 1928 section 4
void TunnelMachine::put_request() {
  std::array<char, sizeof(in6_addr)> bytes{};
  out_ = std::string{version, '\x01', '\0'};
  if (::inet_pton(AF_INET, options_.host.c_str(), bytes.data()) == 1) {
    out_ += '\x01';
    out_.append(bytes.data(), sizeof(in_addr));
  } else if (::inet_pton(AF_INET6, options_.host.c_str(), bytes.data()) == 1) {
    out_ += '\x04';
    out_.append(bytes.data(), sizeof(in6_addr));
  } else {
    out_ += '\x03';
    out_ += low_byte(options_.host.size());
    out_ += options_.host;
  }
  out_ += low_byte(options_.port >> 8);
  out_ += low_byte(options_.port);
  state_ = State::request;
}

// The code of a refusal is enough: some proxies close before the reply is complete.
void TunnelMachine::take_request() {
  if (input_.size() < 2) return;
  if (input_[0] != version) return give_up("the proxy does not speak SOCKS5");
  const auto code = static_cast<unsigned char>(input_[1]);
  if (code != 0) return give_up(std::string(reason_of(code)));
  if (input_.size() < 5) return;
  const auto type = input_[3];
  const std::size_t address = type == '\x01'   ? 4
                              : type == '\x04' ? 16
                              : type == '\x03' ? 1U + static_cast<unsigned char>(input_[4])
                                               : 0;
  if (address == 0) return give_up("the proxy replied with an unknown address type");
  const auto whole = 4 + address + 2;
  if (input_.size() < whole) return;
  input_.erase(0, whole);
  state_ = State::done;
}

void TunnelMachine::take_http() {
  const auto end = input_.find("\r\n\r\n");
  if (end == std::string::npos) return;
  const auto line = std::string_view(input_).substr(0, input_.find("\r\n"));
  const auto words = split(line, ' ');
  const bool is_http = words.size() >= 2 && words[0].starts_with("HTTP/1.") && words[1].size() == 3;
  if (!is_http || words[1].front() != '2')
    return give_up("the proxy replied " + printable(line, 200));
  input_.erase(0, end + 4);
  state_ = State::done;
}

void TunnelMachine::give_up(std::string why) {
  error_ = fail(Fault::connect, options_.proxy, std::move(why));
  error_->stage = Stage::proxy;
  state_ = State::done;
}

void TunnelMachine::closed() {
  if (state_ != State::done) give_up("the proxy closed the connection");
}

void TunnelMachine::failed(const Error& error) {
  if (state_ == State::done) return;
  error_ = fail(error.fault, options_.proxy, error.detail);
  error_->stage = Stage::proxy;
  state_ = State::done;
}

}  // namespace postroad::proxy
