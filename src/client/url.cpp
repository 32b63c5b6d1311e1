// Parsing of server URLs (the parts of RFC 3986 that are used here); see url.hpp.
#include "client/url.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/text.hpp"
#include "mail/address/idn.hpp"

namespace postroad::client {

namespace {

constexpr std::string_view form =
    "smtp://[user[:password]@]host[:port][?tls=never|opportunistic|required]"
    "[&insecure_allow_legacy_tls=yes]";

Error refuse(std::string_view what, const std::string& why) {
  return fail(Fault::input, std::string(what),
              why + "; the form is " + std::string(form) + ", or smtps://");
}

std::optional<std::string> percent_decode(std::string_view text) {
  const auto digit = [](char c) {
    return is_digit(c)                                ? c - '0'
           : to_lower(c) >= 'a' && to_lower(c) <= 'f' ? to_lower(c) - 'a' + 10
                                                      : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (i + 2 >= text.size() || digit(text[i + 1]) < 0 || digit(text[i + 2]) < 0)
      return std::nullopt;
    out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
    i += 2;
  }
  return out;
}

bool is_host(std::string_view host) {
  const bool has_empty_label =
      host.starts_with('.') || host.find("..") != std::string_view::npos;  // libidn2 lets them pass
  return !host.empty() && host.size() <= 255 && !has_empty_label &&
         std::all_of(host.begin(), host.end(), [](char c) {
           return is_alnum(c) || c == '.' || c == '-' || c == '_' || c == ':';
         });
}

Result<void> parse_tls(std::string_view word, Url& url) {
  if (url.tls == Tls::implicit) {  // smtps:// cannot be weakened
    if (word == "required") return {};
    return refuse("the URL's tls=" + printable(word, 40), "smtps:// is TLS from the start");
  }
  if (word == "never")
    url.tls = Tls::never;
  else if (word == "opportunistic")
    url.tls = Tls::opportunistic;
  else if (word == "required")
    url.tls = Tls::required;
  else
    return refuse("the URL's tls=" + printable(word, 40),
                  "the values are never, opportunistic, required");
  return {};
}

Result<void> parse_query(std::string_view query, Url& url) {
  constexpr std::string_view tls = "tls=";
  for (const auto pair : split(query, '&')) {
    if (pair == "insecure_allow_legacy_tls=yes") {
      url.insecure_allow_legacy_tls = true;
      continue;
    }
    if (!pair.starts_with(tls))
      return refuse("the URL's option '" + printable(pair, 40) + "'", "unknown option");
    if (const auto parsed = parse_tls(pair.substr(tls.size()), url); !parsed) return parsed.error();
  }
  return {};
}

Result<void> parse_login(std::string_view login, Url& url) {
  const auto colon = login.find(':');
  const auto user = percent_decode(login.substr(0, colon));
  const auto password = colon == std::string_view::npos ? std::optional<std::string>("")
                                                        : percent_decode(login.substr(colon + 1));
  if (!user || !password)
    return refuse("the URL's login", "a % must be followed by two hexadecimal digits");
  url.user = *user;
  url.password = Secret(*password);
  return {};
}

// [user[:password]@]host[:port]; the port stays 0 where none is named.
Result<void> parse_authority(std::string_view rest, Url& url) {
  if (const auto at = rest.rfind('@'); at != std::string_view::npos) {
    const auto login = parse_login(rest.substr(0, at), url);
    if (!login) return login.error();
    rest = rest.substr(at + 1);
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  std::string_view port;
  const auto close = rest.starts_with('[') ? rest.find(']') : std::string_view::npos;
  if (close != std::string_view::npos) {
    url.host = rest.substr(1, close - 1);
    port = rest.substr(close + 1);
  } else {
    url.host = rest.substr(0, rest.find(':'));
    port = rest.substr(url.host.size());
  }
  const auto ascii = mail::to_ascii_domain(url.host);
  if (ascii && is_host(*ascii)) {
    url.host = *ascii;
  } else {
    return refuse("the URL's host '" + printable(url.host, 80) + "'",
                  "it is not a host name or an address");
  }
  if (!port.empty()) {
    const auto number = port.front() == ':' ? parse_number(port.substr(1)) : std::nullopt;
    if (!number || *number == 0 || *number > 65535)
      return refuse("the URL's port '" + printable(port, 20) + "'",
                    "a port is a number from 1 to 65535");
    url.port = static_cast<std::uint16_t>(*number);
  }
  return {};
}

std::string place(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? '[' + host + ']' : host) + ':' + std::to_string(port);
}

}  // namespace

std::string Url::server() const { return place(host, port); }
std::string ProxyUrl::server() const { return place(host, port); }

Result<Url> parse_url(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (istarts_with(rest, "smtps://")) {
    url.tls = Tls::implicit;
    rest.remove_prefix(8);
  } else if (istarts_with(rest, "smtp://")) {
    rest.remove_prefix(7);
  } else if (istarts_with(rest, "lmtp://")) {
    url.lmtp = true;
    rest.remove_prefix(7);
  } else if (rest.find("://") != std::string_view::npos) {
    return refuse("the URL's scheme '" + printable(rest.substr(0, rest.find(':')), 20) + "'",
                  "the schemes are smtp, smtps and lmtp");
  }
  if (const auto at = rest.find('?'); at != std::string_view::npos) {
    const auto query = parse_query(rest.substr(at + 1), url);
    if (!query) return query.error();
    rest = rest.substr(0, at);
  }
  const auto located = parse_authority(rest, url);
  if (!located) return located.error();
  url.names_port = url.port != 0;
  if (!url.names_port)
    url.port = url.tls == Tls::implicit ? 465 : url.lmtp ? 24 : url.user.empty() ? 25 : 587;
  return url;
}

Result<ProxyUrl> parse_proxy(std::string_view text) {
  ProxyUrl found;
  const auto end = text.find("://");
  const auto scheme = text.substr(0, end);
  if (end == std::string_view::npos || (!iequals(scheme, "socks5") && !iequals(scheme, "http"))) {
    return fail(Fault::input, "the proxy",
                "the form is socks5://[user:password@]host[:port] or http://…");
  }
  found.kind = iequals(scheme, "http") ? proxy::Kind::http : proxy::Kind::socks5;
  Url url;
  auto located = parse_authority(text.substr(end + 3), url);
  if (!located) return located.error();
  found.host = std::move(url.host);
  found.port = url.port != 0 ? url.port : found.kind == proxy::Kind::http ? 8080 : 1080;
  found.user = std::move(url.user);
  found.password = std::move(url.password);
  return found;
}

}  // namespace postroad::client
