"""The exchange rates that cost is reported with: `fx.csv` beside the owner rules."""

from trimtab.accounting.exchange import ExchangeRates, parse_rates
from trimtab.errors import BadInput
from trimtab.ports import Ports

FILE = ".trimtab/fx.csv"


def home_rates(ports: Ports) -> ExchangeRates:
    """The rates of the folder or the first repo that the settings name. Raises BadInput where there are none."""
    folder = ports.settings.config_dir
    if folder:
        url = f"file://{folder}/fx.csv"
        return parse_rates(ports.buckets.read(url), url)
    if not ports.settings.repositories:
        raise BadInput(f"settings.repositories: no GitOps repo is named, so there is no {FILE}; give --fx FILE")
    repository = ports.settings.repositories[0]
    content = ports.forge.read_file(repository.id, ports.forge.base_head(repository.id, repository.branch), FILE)
    if content is None:
        raise BadInput(f"{repository.id}: no {FILE}; add one with the columns date,from,to,rate, or give --fx FILE")
    return parse_rates(content, FILE)
