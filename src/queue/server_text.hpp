// The server of an attempt as the spool keeps it, in one text: its name, the address of the
// connection, and how TLS protected the session. Pure.
//
//   mx.example:25
//   mx.example [192.0.2.1]:25
//   mx.example [192.0.2.1]:25 none
//   mx.example [192.0.2.1]:25 TLSv1.3 TLS_AES_256_GCM_SHA384 not verified
#pragma once

#include <string>
#include <string_view>

namespace postroad::queue {

/// Views of the text.
struct ServerText {
  std::string_view host;  ///< "mx.example [192.0.2.1]:25"
  std::string_view name;  ///< "mx.example"; an address has its brackets if the text has them
  std::string_view tls;   ///< as SendReport::tls; empty: not known
};

/// `server` is "mx.example:25". `address`, "[192.0.2.1]:25", is left out where the name is one.
std::string format_server(std::string_view server, std::string_view address, std::string_view tls);
ServerText parse_server(std::string_view text);

}  // namespace postroad::queue
