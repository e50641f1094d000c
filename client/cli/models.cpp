#include "client/cli/models.hpp"

#include <filesystem>
#include <iostream>

#include "client/cli/terminal.hpp"

namespace nanoflow::cli {

wire::Json model_table(const wire::Json& rows) {
  auto table = wire::Json::array();
  for (const auto& row : rows) {
    auto shown = wire::Json::object();
    for (const auto& [key, value] : row.items())
      shown[key != "bytes"              ? key
            : row.value("loaded", true) ? "reserved_bytes"
                                        : "file_bytes"] = value;
    table.push_back(std::move(shown));
  }
  return table;
}

wire::Json load_with_bar(Client& client, wire::Load load) {
  ProgressBar bar("loading " + (load.name.empty() ? load.path : load.name));
  load.progress = true;
  return client.request(load, [&](const wire::EventBody& event) {
    const auto* progress = std::get_if<wire::Progress>(&event);
    if (!progress || !progress->total_bytes) return;
    const double done = double(progress->done_bytes.value_or(0)),
                 total = double(*progress->total_bytes);
    bar.update(done, total, human_bytes(done) + " of " + human_bytes(total));
  });
}

namespace {

/// Where no model has the name, the error says how to find one.
wire::Json load_or_advise(Client& client, const wire::Load& load) {
  try {
    return load_with_bar(client, load);
  } catch (const RequestFailed& failed) {
    if (failed.error.code != wire::ErrorCode::not_found || load.name.empty()) throw;
    wire::Error error = failed.error;
    error.message += std::string("; ") + how_to_find_models;
    throw RequestFailed(error);
  }
}

}  // namespace

int models_command(Invocation& invocation) {
  wire::Models models;
  OptionSet options;
  options.flag("--available", "those in the model folder as well", models.available);
  invocation.parse(options);
  const wire::Json answer = invocation.connect().request(models);
  const wire::Json rows = answer.value("models", wire::Json::array());
  if (invocation.json)
    print_json(answer);
  else if (rows.empty())
    std::cout << (models.available ? "no model is loaded, and none is in the model folder\n"
                                   : "no model is loaded (nanoflow models --available)\n");
  else
    print_table(std::cout, model_table(rows));
  return exit_done;
}

int load_command(Invocation& invocation) {
  wire::Load load;
  OptionSet options;
  options.value("--context", "N", "tokens of context each sequence may use", load.context,
                {1, wire::max_int});
  options.value("--kv-memory", "SIZE", "memory for the KV cache: 4GiB, or 50%",
                [&](const std::string& text) { load.kv_memory = text; });
  options.value("--weights", "TYPE", "auto, f32, bf16, int8 or int4",
                [&](const std::string& text) { load.weights = text; });
  const auto words = invocation.parse(options, 1, 1);
  // What looks like a path or exists here is one; the daemon needs it absolute.
  if (words[0].find('/') != std::string::npos || std::filesystem::exists(words[0]))
    load.path = std::filesystem::absolute(words[0]).lexically_normal().string();
  else
    load.name = words[0];
  Client client = invocation.connect();
  const wire::Json answer = load_or_advise(client, load);
  if (invocation.json)
    print_json(answer);
  else if (answer.contains("models"))
    print_table(std::cout, model_table(answer["models"]));
  else
    std::cout << "loaded " << words[0] << '\n';
  return exit_done;
}

int unload_command(Invocation& invocation) {
  OptionSet options;
  const auto words = invocation.parse(options, 1, 1);
  const wire::Json answer = invocation.connect().request(wire::Unload{words[0]});
  if (invocation.json)
    print_json(answer);
  else
    std::cout << "unloaded " << words[0] << '\n';
  return exit_done;
}

}  // namespace nanoflow::cli
