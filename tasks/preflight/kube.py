"""The Kubernetes API, read: a home of its client. Objects are as the API writes them, in JSON."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.utils import quantity as quantities

Json = dict[str, Any]
_SECONDS = 10
_NAMES_ONLY = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
"""So that whether a secret exists can be asked without being told what is in it."""


def quantity(text: str | int) -> Decimal:
    """ "500m" is 0.5, "2Ki" is 2048."""
    parse: Callable[[str | int], Decimal] = quantities.parse_quantity
    return parse(text)


class Kubernetes:
    """With the credentials of this kubeconfig, else of the pod, else of the user's (KUBECONFIG).

    Every call raises ConnectionError, with Kubernetes' words, where it does not answer or not to
    this user.
    """

    def __init__(self, kubeconfig: str = "") -> None:
        api: Any = client
        # One of our own, because the client's default is shared by the whole process.
        configuration = api.Configuration()
        _load(kubeconfig, configuration)
        everything = api.ApiClient(configuration)
        # A default header wins over what the client would send with each call.
        names = api.ApiClient(configuration, header_name="Accept", header_value=_NAMES_ONLY)
        self._core, self._version = api.CoreV1Api(everything), api.VersionApi(everything)
        self._storage = api.StorageV1Api(everything)
        self._core_names, self._scheduling_names = api.CoreV1Api(names), api.SchedulingV1Api(names)
        self._extension_names = api.ApiextensionsV1Api(names)

    def version(self) -> str:
        found: str = _read(self._version.get_code)["gitVersion"]
        return found

    def nodes(self) -> list[Json]:
        return _items(self._core.list_node)

    def storage_classes(self) -> list[Json]:
        return _items(self._storage.list_storage_class)

    def quotas(self, namespace: str) -> list[Json]:
        return _items(self._core.list_namespaced_resource_quota, namespace)

    def limit_ranges(self, namespace: str) -> list[Json]:
        return _items(self._core.list_namespaced_limit_range, namespace)

    def config_maps(self, namespace: str) -> list[Json]:
        return _items(self._core.list_namespaced_config_map, namespace)

    def pods(self, namespace: str) -> list[Json]:
        return _items(self._core.list_namespaced_pod, namespace)

    def has_namespace(self, name: str) -> bool:
        return _exists(self._core_names.read_namespace, name)

    def has_secret(self, name: str, namespace: str) -> bool:
        return _exists(self._core_names.read_namespaced_secret, name, namespace)

    def has_claim(self, name: str, namespace: str) -> bool:
        """Of a volume."""
        return _exists(self._core_names.read_namespaced_persistent_volume_claim, name, namespace)

    def has_service_account(self, name: str, namespace: str) -> bool:
        return _exists(self._core_names.read_namespaced_service_account, name, namespace)

    def has_priority_class(self, name: str) -> bool:
        return _exists(self._scheduling_names.read_priority_class, name)

    def has_definition(self, name: str) -> bool:
        """Of a custom resource."""
        return _exists(self._extension_names.read_custom_resource_definition, name)


def _load(kubeconfig: str, configuration: Any) -> None:
    load: Any = config  # its functions have no types
    if not kubeconfig:
        try:
            load.load_incluster_config(client_configuration=configuration)
            return
        except config.ConfigException:
            pass
    load.load_kube_config(config_file=kubeconfig or None, client_configuration=configuration)


class _NotFoundError(ConnectionError):
    pass


def _items(method: Any, *names: str) -> list[Json]:
    found: list[Json] = _read(method, *names)["items"]
    return found


def _exists(method: Any, *names: str) -> bool:
    try:
        _read(method, *names)
    except _NotFoundError:
        return False
    return True


def _read(method: Any, *names: str) -> Json:
    try:
        # Otherwise the client makes objects of its own of the answer, and waits without a limit.
        answer: Json = json.loads(
            method(*names, _preload_content=False, _request_timeout=_SECONDS).data
        )
    except ApiException as error:
        kind = _NotFoundError if error.status == 404 else ConnectionError
        raise kind(_words(error)) from error
    return answer


def _words(error: ApiException) -> str:
    try:
        return f"Kubernetes answers {error.status}: {json.loads(error.body or '')['message']}"
    except (ValueError, KeyError, TypeError):
        return f"Kubernetes answers {error.status}: {error.reason}"
