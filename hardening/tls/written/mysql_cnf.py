"""tls/mysql.cnf.j2 as Python, written by `make templates`; do not edit."""

FINGERPRINT = 2753901314
INCLUDES = ('tls/_header.j2',)


def made(environment, runtime):
    TemplateRuntimeError = runtime['TemplateRuntimeError']
    Undefined = runtime['Undefined']
    internalcode = runtime['internalcode']
    missing = runtime['missing']

    def root(context, missing=missing, environment=environment):
        resolve = context.resolve_or_missing
        undefined = environment.undefined
        concat = environment.concat
        cond_expr_undefined = Undefined
        if 0: yield None
        l_0_params = resolve('params')
        l_0_versions = resolve('versions')
        l_0_job = resolve('job')
        try:
            t_1 = environment.filters['join']
        except KeyError:
            @internalcode
            def t_1(*unused):
                raise TemplateRuntimeError("No filter named 'join' found.")
        pass
        template = environment.get_template('tls/_header.j2', 'tls/mysql.cnf.j2')
        gen = template.root_render_func(template.new_context(context.get_all(), True, {}))
        try:
            for event in gen:
                yield event
        finally: gen.close()
        yield '[mysqld]\n'
        if environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'):
            pass
            yield 'port = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'listen'))
            yield '\nssl_cert = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'certificate'))
            yield '\nssl_key = '
            yield str(environment.getattr((undefined(name='params') if l_0_params is missing else l_0_params), 'key'))
            yield '\n'
        if (undefined(name='versions') if l_0_versions is missing else l_0_versions):
            pass
            yield 'tls_version = '
            yield str(t_1(context.eval_ctx, (undefined(name='versions') if l_0_versions is missing else l_0_versions), ','))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphers'):
            pass
            yield 'ssl_cipher = '
            yield str(environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'cipher_string'))
            yield '\n'
        if environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'):
            pass
            yield 'tls_ciphersuites = '
            yield str(t_1(context.eval_ctx, environment.getattr((undefined(name='job') if l_0_job is missing else l_0_job), 'ciphersuites'), ':'))
            yield '\n'

    return root
