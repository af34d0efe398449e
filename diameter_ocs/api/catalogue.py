"""What is sold, who the peers are, and who asks."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from diameter_ocs.api import problems, views
from diameter_ocs.api.access import Caller, needs
from diameter_ocs.api.http import Chosen, listed, record
from diameter_ocs.api.problems import Refused, nearest
from diameter_ocs.api.service import Peers, Service

Name = Annotated[str, Path(max_length=100)]


class PeerList(views.View):
    """Peers of this node with their state."""

    items: list[dict[str, Any]]


def add_catalogue(router: APIRouter, api: Service) -> None:
    """What is sold now."""
    looks = [needs("catalogue:read")]

    @router.get("/catalogue", tags=["catalogue"], response_model=views.CatalogueView, dependencies=looks)
    async def show_catalogue(fields: Chosen = None) -> Response:
        """The version that is in force."""
        return record(views.catalogue_view(api.catalogue()), fields)

    @router.get("/catalogue/versions", tags=["catalogue"], response_model=views.VersionList, dependencies=looks)
    async def list_versions(fields: Chosen = None) -> Response:
        """Every version that is kept, and since when it holds or will hold."""
        versions, said = await api.store.catalogue_versions(), await api.store.activations()
        return listed(list(views.version_views(versions, said, api.at_ms())), views.VersionView, fields)

    @router.get("/offers", tags=["catalogue"], response_model=views.OfferList, dependencies=looks)
    async def list_offers(fields: Chosen = None) -> Response:
        """Offers that subscribers can have."""
        offers = api.catalogue().offers.values()
        return listed([views.offer_view(each) for each in offers], views.OfferView, fields)

    @router.get("/offers/{name}", tags=["catalogue"], response_model=views.OfferView, dependencies=looks)
    async def show_offer(name: Name, fields: Chosen = None) -> Response:
        """One offer."""
        offers = api.catalogue().offers
        if name not in offers:
            raise Refused(problems.NOT_FOUND, f"there is no offer {name}; {nearest(name, offers)}")
        return record(views.offer_view(offers[name]), fields)

    @router.get("/products", tags=["catalogue"], response_model=views.ProductList, dependencies=looks)
    async def list_products(fields: Chosen = None) -> Response:
        """Products that can be bought."""
        catalogue = api.catalogue()
        shown = [views.product_view(each, catalogue) for each in catalogue.products.values()]
        return listed(list(shown), views.ProductView, fields)

    @router.get("/products/{name}", tags=["catalogue"], response_model=views.ProductView, dependencies=looks)
    async def show_product(name: Name, fields: Chosen = None) -> Response:
        """One product."""
        catalogue = api.catalogue()
        if name not in catalogue.products:
            raise Refused(problems.NOT_FOUND, f"there is no product {name}; {nearest(name, catalogue.products)}")
        return record(views.product_view(catalogue.products[name], catalogue), fields)


def add_node(router: APIRouter, peers: Peers | None) -> None:
    """Who asks, and the peers of a node that has some."""

    @router.get("/me", tags=["access"], response_model=views.Myself)
    async def show_myself(request: Request) -> Response:
        """Whose key this is, and what it may do."""
        caller: Caller = request.scope["caller"]
        return record(views.Myself(client=caller.client, scopes=sorted(caller.scopes)), None)

    if peers is None:
        return

    @router.get("/peers", tags=["peers"], response_model=PeerList, dependencies=[needs("peers:read")])
    async def list_peers() -> PeerList:
        """Gateways of this node and the state of their connections."""
        return PeerList(items=peers())
